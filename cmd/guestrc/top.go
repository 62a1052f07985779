package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/guestrc/guestrc/bridge/service"
	"github.com/guestrc/guestrc/guest"
)

// firstDelay is after which the first picture comes: rates need two looks.
const firstDelay = 500 * time.Millisecond

// topper is one run of top.
type topper struct {
	e      *env
	screen *screen
	delay  time.Duration
	left   int  // pictures; below 0: until somebody has seen enough
	memory bool // sorted by it instead of by processor time

	before, now sample
}

// sample is what all guests had used at one moment.
type sample struct {
	at  time.Time
	all []guest.Status
}

func top(ctx context.Context, e *env, _ []string) error {
	t := &topper{e: e, delay: 2 * time.Second, left: -1}
	if err := t.flags(); err != nil {
		return err
	}
	if err := t.look(ctx); err != nil {
		return err
	}
	t.screen = newScreen(e)
	defer t.screen.leave()
	return t.run(ctx)
}

// flags reads --delay and --count.
func (t *topper) flags() error {
	if t.e.flags.Changed("delay") {
		text, _ := t.e.flags.GetString("delay")
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil || !(seconds >= 0.1 && seconds <= 3600) {
			return usage(fmt.Sprintf("cannot run top: %q is not a number of seconds from 0.1 to 3600", text), "guestrc help top")
		}
		t.delay = time.Duration(seconds * float64(time.Second))
	}
	if t.e.flags.Changed("count") {
		text, _ := t.e.flags.GetString("count")
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil || n == 0 {
			return usage(fmt.Sprintf("cannot run top: %q is not a number of looks", text), "guestrc help top")
		}
		t.left = int(n)
	}
	return nil
}

// run paints until there is nothing left to paint, q is typed, or ctx ends.
func (t *topper) run(ctx context.Context) error {
	keys := t.screen.keys()
	next := time.NewTimer(min(t.delay, firstDelay))
	defer next.Stop()
	for first := true; ; {
		select {
		case <-ctx.Done():
			return nil
		case key := <-keys:
			if key == 'q' {
				return nil
			}
			t.memory = key == 'm' || t.memory && key != 'c'
			if first {
				continue
			}
		case <-t.screen.resized:
			t.screen.resize()
			if first {
				continue
			}
		case <-next.C:
			next.Reset(t.delay)
			if err := t.look(ctx); err != nil || ctx.Err() != nil {
				return err
			}
			t.left--
			if !first && !t.screen.live {
				fmt.Fprintln(t.e.stdout)
			}
			first = false
		}
		if err := t.paint(); err != nil || t.left == 0 {
			return err
		}
	}
}

func (t *topper) look(ctx context.Context) error {
	all, err := t.e.survey(ctx, false, t.screen)
	if err == nil && ctx.Err() == nil {
		t.before, t.now = t.now, sample{t.e.now(), all}
	}
	return err
}

func (t *topper) paint() error {
	guests := rates(t.before, t.now)
	slices.SortFunc(guests, func(a, b *rate) int {
		byUse := cmp.Compare(b.cpu, a.cpu)
		if t.memory {
			byUse = cmp.Compare(b.Memory, a.Memory)
		}
		return cmp.Or(byUse, naturally(a.name, b.name))
	})
	lines := []string{t.header(guests), ""}
	width := 0
	if t.screen.live {
		width = t.screen.width
	}
	lines = append(lines, layOut(topColumns, topRows(guests), width)...)
	if t.left == 0 {
		t.screen.leave() // the last one stays
	}
	if t.screen.live {
		return t.screen.paint(lines)
	}
	return t.e.printLines(lines)
}

// header tells what all guests use together, of what the host has.
func (t *topper) header(guests []*rate) string {
	var cpu float64
	var memory uint64
	for _, g := range guests {
		cpu += g.cpu
		memory += g.Memory
	}
	known := 0
	for _, st := range t.now.all {
		if n, err := guest.ParseName(st.Guest); err == nil && n.Kind != service.Kind {
			known++
		}
	}
	return fmt.Sprintf("%s  %d of %d guests up, CPU %.1f%% of %d00%%, RSS %s%s",
		t.now.at.Local().Format("15:04:05"), len(guests), known, cpu, runtime.NumCPU(), size(memory), hostMemory())
}

// hostMemory tells what the host has left, by proc_meminfo(5). Guests' RSS does
// not add up to what they take of it: they share programs, and perhaps memory.
func hostMemory() string {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return ""
	}
	var total, available uint64
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		kib, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
		switch {
		case err != nil:
		case name == "MemTotal":
			total = kib << 10
		case name == "MemAvailable":
			available = kib << 10
		}
	}
	return fmt.Sprintf(", free %s of %s", size(available), size(total))
}

// rate is what one guest uses in a second, or in percent of one processor.
type rate struct {
	name string
	cpu  float64
	guest.Usage
	read, written, received, sent float64 // bytes in a second
}

// rates are those of the guests that run, from two samples; one that was not
// there, or was another run, has its average since its start and nothing else.
func rates(before, now sample) []*rate {
	last := map[string]guest.Status{}
	for _, st := range before.all {
		if st.Usage != nil {
			last[st.Guest] = st
		}
	}
	seconds := now.at.Sub(before.at).Seconds()
	var all []*rate
	for _, st := range now.all {
		if st.PID == 0 || st.Code != guest.StateRunning {
			continue
		}
		r := &rate{name: st.Guest}
		if st.Usage != nil {
			r.Usage, r.cpu = *st.Usage, st.Usage.Percent
		}
		if was, ok := last[st.Guest]; ok && was.PID == st.PID && st.Usage != nil && seconds > 0 {
			per := func(was, is uint64) float64 { return float64(is-min(was, is)) / seconds }
			r.cpu = max(0, time.Duration(r.CPU-was.Usage.CPU).Seconds()/seconds*100)
			r.read, r.written = per(was.Usage.Read, r.Read), per(was.Usage.Written, r.Written)
			r.received, r.sent = per(was.Usage.Received, r.Received), per(was.Usage.Sent, r.Sent)
		}
		all = append(all, r)
	}
	return all
}

var topColumns = []column{
	{title: "NAME"},
	{title: "CPU%", right: true},
	{title: "RSS", right: true},
	{title: "LIMIT", right: true, spare: 2},
	{title: "READ/s", right: true, spare: 4},
	{title: "WRITE/s", right: true, spare: 4},
	{title: "RECV/s", right: true, spare: 3},
	{title: "SEND/s", right: true, spare: 3},
	{title: "PROCS", right: true, spare: 5},
}

func topRows(guests []*rate) [][]string {
	perSecond := func(v float64) string {
		if v < 0.5 {
			return "-"
		}
		return size(uint64(v))
	}
	var rows [][]string
	for _, g := range guests {
		limit, procs := "-", "-"
		if g.Limit > 0 {
			limit = size(g.Limit)
		}
		if g.Procs > 0 {
			procs = strconv.Itoa(g.Procs)
		}
		rows = append(rows, []string{g.name, fmt.Sprintf("%.1f", g.cpu), size(g.Memory), limit,
			perSecond(g.read), perSecond(g.written), perSecond(g.received), perSecond(g.sent), procs})
	}
	return rows
}
