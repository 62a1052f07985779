package metrics

import (
	"bytes"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/shutdown"
)

// all are guests in every state, with everything that can be known of one.
func all() []guest.Status {
	at := time.Date(2026, 11, 21, 12, 0, 0, 250e6, time.UTC)
	worst := shutdown.Duration(75 * time.Second)
	last := &guest.StopRecord{At: at, Stop: shutdown.Record{Took: shutdown.Duration(3100 * time.Millisecond), Forced: true}}
	return []guest.Status{
		{Guest: "lxc.web", State: guest.Running, PID: 7, StartedAt: at, ReadyAt: at, Worst: &worst, LastStop: last,
			Condition: &guest.Condition{State: "frozen"},
			Usage: &guest.Usage{CPU: shutdown.Duration(90 * time.Second), Memory: 1 << 40, Limit: 2 << 40, Read: 1 << 50,
				Written: 2, Received: 3, Sent: 4, Procs: 5}},
		{Guest: "net.br0", State: guest.Running},
		{Guest: "qemu.a.b", State: guest.Running, PID: 8, Usage: &guest.Usage{}, Condition: &guest.Condition{State: "a\"b\\c\nd\xff"}},
		{Guest: "qemu.c", State: guest.Crashed, LastStop: last},
		{Guest: "qemu.s", State: guest.Starting},
		{Guest: "qemu.t", State: guest.Stopped, LastStop: &guest.StopRecord{At: at, Own: true}},
		{Guest: "qemu.u", State: guest.Unknown},
	}
}

func text(t *testing.T, all []guest.Status) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, "1.2\"", all); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The rules are those of promtool check metrics.
func TestPrometheusFindsNoFault(t *testing.T) {
	for name, guests := range map[string][]guest.Status{"many": all(), "none": nil} {
		problems, err := promlint.New(strings.NewReader(text(t, guests))).Lint()
		if err != nil || len(problems) > 0 {
			t.Errorf("%s: %v %+v", name, err, problems)
		}
	}
}

func TestWhatIsToldOfGuests(t *testing.T) {
	got := strings.Split(text(t, all()), "\n")
	for _, want := range []string{
		`guestrc_build_info{version="1.2\""} 1`,
		`guestrc_guest_up{kind="lxc",name="web"} 1`,
		`guestrc_guest_up{kind="net",name="br0"} 1`,
		`guestrc_guest_up{kind="qemu",name="a.b"} 1`,
		`guestrc_guest_up{kind="qemu",name="c"} 0`,
		`guestrc_guest_state{kind="lxc",name="web",state="running"} 1`,
		`guestrc_guest_state{kind="lxc",name="web",state="crashed"} 0`,
		`guestrc_guest_state{kind="qemu",name="c",state="crashed"} 1`,
		`guestrc_guest_state{kind="qemu",name="u",state="unknown"} 1`,
		`guestrc_guest_condition{kind="lxc",name="web",condition="frozen"} 1`,
		`guestrc_guest_condition{kind="qemu",name="a.b",condition="a\"b\\c\nd` + "\uFFFD" + `"} 1`,
		`guestrc_guest_ready{kind="lxc",name="web"} 1`,
		`guestrc_guest_ready{kind="qemu",name="a.b"} 0`,
		`guestrc_guest_start_time_seconds{kind="lxc",name="web"} 1795262400.25`,
		`guestrc_guest_cpu_seconds_total{kind="lxc",name="web"} 90`,
		`guestrc_guest_memory_bytes{kind="lxc",name="web"} 1099511627776`,
		`guestrc_guest_memory_limit_bytes{kind="lxc",name="web"} 2199023255552`,
		`guestrc_guest_disk_read_bytes_total{kind="lxc",name="web"} 1125899906842624`,
		`guestrc_guest_disk_written_bytes_total{kind="lxc",name="web"} 2`,
		`guestrc_guest_network_receive_bytes_total{kind="lxc",name="web"} 3`,
		`guestrc_guest_network_transmit_bytes_total{kind="lxc",name="web"} 4`,
		`guestrc_guest_processes{kind="lxc",name="web"} 5`,
		`guestrc_guest_worst_stop_seconds{kind="lxc",name="web"} 75`,
		`guestrc_guest_worst_stop_seconds{kind="qemu",name="a.b"} +Inf`,
		`guestrc_guest_last_stop_seconds{kind="qemu",name="c"} 3.1`,
		`guestrc_guest_last_stop_forced{kind="qemu",name="c"} 1`,
		`guestrc_guest_last_stop_timestamp_seconds{kind="qemu",name="c"} 1795262400.25`,
		`guestrc_guest_last_stop_timestamp_seconds{kind="qemu",name="t"} 1795262400.25`,
	} {
		if n := count(got, want); n != 1 {
			t.Errorf("%d times: %s", n, want)
		}
	}
	if t.Failed() {
		t.Log(strings.Join(got, "\n"))
	}
}

// A value that is not known is absent, not 0.
func TestWhatIsNotKnownIsNotTold(t *testing.T) {
	got := text(t, all())
	for _, absent := range []string{
		`guestrc_guest_memory_limit_bytes{kind="qemu",name="a.b"}`, `guestrc_guest_processes{kind="qemu",name="a.b"}`,
		`guestrc_guest_start_time_seconds{kind="qemu",name="a.b"}`, `guestrc_guest_last_stop_seconds{kind="qemu",name="t"}`,
		`guestrc_guest_last_stop_forced{kind="qemu",name="t"}`, `guestrc_guest_last_stop_seconds{kind="qemu",name="s"}`,
		`guestrc_guest_cpu_seconds_total{kind="net"`, `guestrc_guest_ready{kind="qemu",name="t"}`,
		`guestrc_guest_worst_stop_seconds{kind="qemu",name="t"}`, `guestrc_guest_condition{kind="qemu",name="t"`,
	} {
		if strings.Contains(got, absent) {
			t.Error(absent)
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

var errFull = errors.New("full")

func TestAFullDiskIsTold(t *testing.T) {
	if err := Write(full{}, "", all()); !errors.Is(err, errFull) {
		t.Error(err)
	}
}

func count(lines []string, want string) (n int) {
	for _, line := range lines {
		if line == want {
			n++
		}
	}
	return n
}

// Whatever a guest's monitor says, the format holds.
func FuzzLabels(f *testing.F) {
	f.Add("running")
	f.Add("\"\\\n{}=,\x00\xff")
	f.Fuzz(func(t *testing.T, state string) {
		st := guest.Status{Guest: "qemu.x", State: guest.Running, PID: 1, Condition: &guest.Condition{State: state}}
		problems, err := promlint.New(strings.NewReader(text(t, []guest.Status{st}))).Lint()
		if err != nil || len(problems) > 0 {
			t.Errorf("%q: %v %+v", state, err, problems)
		}
	})
}

func TestNoFamilyIsThereTwice(t *testing.T) {
	seen := map[string]int{}
	for line := range strings.Lines(text(t, all())) {
		if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
			seen[strings.Fields(name)[0]]++
		}
	}
	want := map[string]int{}
	for name := range seen {
		want[name] = 1
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
}

// The manual names every metric, and none that is not there.
func TestTheManualNamesThemAll(t *testing.T) {
	page, err := os.ReadFile("../docs/man/guestrc.8")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, name := range regexp.MustCompile(`\bguestrc_[a-z_]+`).FindAllString(string(page), -1) {
		named[name] = true
	}
	there := map[string]bool{}
	for line := range strings.Lines(text(t, nil)) {
		if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
			there[strings.Fields(name)[0]] = true
		}
	}
	if diff := cmp.Diff(there, named); diff != "" {
		t.Errorf("(-there +named): %s", diff)
	}
}
