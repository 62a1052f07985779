// Package metrics writes what is known of guests as text for Prometheus: its
// exposition format 0.0.4, by the rules that promtool checks. It refuses to
// measure anything, and to serve: others take the numbers, and other programs
// bring them to Prometheus.
package metrics

import (
	"bufio"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/guestrc/guestrc/guest"
)

// family is one metric, and its value for a guest that has one.
type family struct {
	name, kind, help string
	value            func(guest.Status) (float64, bool)
}

// families are all but those with labels of their own. Units are Prometheus'
// base units: seconds and bytes.
var families = []family{
	{"guestrc_guest_up", "gauge", "Whether the guest, or bridge, runs.",
		func(st guest.Status) (float64, bool) { return truth(st.PID != 0 || isUp(st)), true }},
	{"guestrc_guest_ready", "gauge", "Whether the running guest has become ready in the configured sense.",
		func(st guest.Status) (float64, bool) { return truth(!st.ReadyAt.IsZero()), st.PID != 0 }},
	{"guestrc_guest_start_time_seconds", "gauge", "When the running guest was started, since the epoch.",
		func(st guest.Status) (float64, bool) {
			return epoch(st.StartedAt), st.PID != 0 && !st.StartedAt.IsZero()
		}},
	{"guestrc_guest_cpu_seconds_total", "counter", "Processor time that the running guest has used since it was started.",
		used(func(u guest.Usage) float64 { return time.Duration(u.CPU).Seconds() })},
	{"guestrc_guest_memory_bytes", "gauge", "Memory of the host that the guest has in use, without caches that could be dropped.",
		used(func(u guest.Usage) float64 { return float64(u.Memory) })},
	{"guestrc_guest_memory_limit_bytes", "gauge", "Most memory of the host that the guest may use, where there is a limit.",
		limit},
	{"guestrc_guest_disk_read_bytes_total", "counter", "Bytes read from the host's block devices since the guest was started.",
		used(func(u guest.Usage) float64 { return float64(u.Read) })},
	{"guestrc_guest_disk_written_bytes_total", "counter", "Bytes written to the host's block devices since the guest was started.",
		used(func(u guest.Usage) float64 { return float64(u.Written) })},
	{"guestrc_guest_network_receive_bytes_total", "counter", "Bytes that the guest has received by interfaces that the host has an end of.",
		used(func(u guest.Usage) float64 { return float64(u.Received) })},
	{"guestrc_guest_network_transmit_bytes_total", "counter", "Bytes that the guest has sent by interfaces that the host has an end of.",
		used(func(u guest.Usage) float64 { return float64(u.Sent) })},
	{"guestrc_guest_processes", "gauge", "Processes of a container.", processes},
	{"guestrc_guest_worst_stop_seconds", "gauge", "How long a stop of the running guest may take by its schedule; +Inf for one that may wait forever.",
		worst},
	{"guestrc_guest_last_stop_seconds", "gauge", "How long the last stop of the guest took.",
		stop(func(s guest.StopRecord) float64 { return time.Duration(s.Stop.Took).Seconds() })},
	{"guestrc_guest_last_stop_forced", "gauge", "Whether the last stop ended the guest by force.",
		stop(func(s guest.StopRecord) float64 { return truth(s.Stop.Forced) })},
	{"guestrc_guest_last_stop_timestamp_seconds", "gauge", "When the guest was stopped, or ended by itself, the last time, since the epoch.",
		func(st guest.Status) (float64, bool) {
			if st.LastStop == nil {
				return 0, false
			}
			return epoch(st.LastStop.At), true
		}},
}

// states are all that guestrc_guest_state tells.
var states = []string{guest.Running, guest.Starting, guest.Stopped, guest.Crashed, guest.Unknown}

// Write writes the metrics of guests and bridges, each family in the guests'
// order; version is that of the program.
func Write(w io.Writer, version string, all []guest.Status) error {
	out := &writer{bufio.NewWriter(w)}
	out.head("guestrc_build_info", "gauge", "The version of guestrc, as a label.")
	out.sample("guestrc_build_info", 1, "version", version)
	const state = "guestrc_guest_state"
	out.head(state, "gauge", "The state of the guest: 1 for the one that it is in.")
	for _, st := range all {
		for _, s := range states {
			out.sample(state, truth(st.State == s), append(labels(st), "state", s)...)
		}
	}
	const condition = "guestrc_guest_condition"
	out.head(condition, "gauge", "How the running guest itself is, as a label, where its monitor is asked.")
	for _, st := range all {
		if st.Condition != nil {
			out.sample(condition, 1, append(labels(st), "condition", st.Condition.State)...)
		}
	}
	for _, f := range families {
		out.head(f.name, f.kind, f.help)
		for _, st := range all {
			if v, ok := f.value(st); ok {
				out.sample(f.name, v, labels(st)...)
			}
		}
	}
	return out.Flush()
}

// labels are those that every sample of a guest has.
func labels(st guest.Status) []string {
	kind, name, _ := strings.Cut(st.Guest, ".")
	return []string{"kind", kind, "name", name}
}

type writer struct{ *bufio.Writer }

// head writes what stands before the samples of a family.
func (w *writer) head(name, kind, help string) {
	w.WriteString("# HELP " + name + " " + helpEscapes.Replace(help) + "\n# TYPE " + name + " " + kind + "\n")
}

// sample writes one line; pairs are labels and their values.
func (w *writer) sample(name string, value float64, pairs ...string) {
	w.WriteString(name)
	for i := 0; i < len(pairs); i += 2 {
		w.WriteString(string("{,"[min(i, 1)]) + pairs[i] + `="` + labelEscapes.Replace(strings.ToValidUTF8(pairs[i+1], "\uFFFD")) + `"`)
	}
	w.WriteString("} " + format(value) + "\n")
}

// What the format wants to be escaped, in the text of a help and in a label.
var (
	helpEscapes  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

func format(v float64) string {
	if math.IsInf(v, 1) {
		return "+Inf"
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// isUp is for bridges, which have no process.
func isUp(st guest.Status) bool { return st.State == guest.Running }

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func epoch(at time.Time) float64 { return float64(at.UnixMilli()) / 1000 }

func used(value func(guest.Usage) float64) func(guest.Status) (float64, bool) {
	return func(st guest.Status) (float64, bool) {
		if st.Usage == nil {
			return 0, false
		}
		return value(*st.Usage), true
	}
}

func limit(st guest.Status) (float64, bool) {
	if st.Usage == nil || st.Usage.Limit == 0 {
		return 0, false
	}
	return float64(st.Usage.Limit), true
}

func processes(st guest.Status) (float64, bool) {
	if st.Usage == nil || st.Usage.Procs == 0 {
		return 0, false
	}
	return float64(st.Usage.Procs), true
}

func worst(st guest.Status) (float64, bool) {
	switch {
	case st.PID == 0:
		return 0, false
	case st.Worst == nil:
		return math.Inf(1), true
	}
	return time.Duration(*st.Worst).Seconds(), true
}

// stop is of a guest that was told to stop: one that ended by itself took no
// time for it.
func stop(value func(guest.StopRecord) float64) func(guest.Status) (float64, bool) {
	return func(st guest.Status) (float64, bool) {
		if st.LastStop == nil || st.LastStop.Own {
			return 0, false
		}
		return value(*st.LastStop), true
	}
}
