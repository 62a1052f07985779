package check

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/deps"
	"github.com/guestrc/guestrc/finding"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/shutdown"
)

func at(line int) confd.Pos { return confd.Pos{File: "f", Line: line, Col: 1} }

func TestEachFaultIsAFinding(t *testing.T) {
	one := &confd.Error{Pos: at(1), Msg: "one", Hint: "mend one", ID: "GR201"}
	two := &confd.Error{Pos: at(2), Msg: "two"}
	nowhere := &confd.Error{Msg: "memory: too much", ID: "GR401"}
	whole := &guest.Error{Status: guest.StatusNotConfigured, Msg: "cannot use the configuration of qemu.a", Err: errors.Join(one, two), Hint: "the guest's"}
	for _, c := range []struct {
		name string
		err  error
		want string
		hint string // of the first; empty: whatever
	}{
		{"none", nil, "", ""},
		{"one", one, "GR201 qemu.a f:1:1 one", "mend one"},
		{"without an id", two, "GR100 qemu.a f:2:1 two", ""},
		{"with an id of no catalogue", &confd.Error{Pos: at(1), Msg: "x", ID: "GR999"}, "GR100 qemu.a f:1:1 x", ""},
		{"joined, wrapped, joined", errors.Join(errors.Join(whole), nowhere), "GR201 qemu.a f:1:1 one\nGR100 qemu.a f:2:1 two\nGR401 qemu.a memory: too much", "mend one"},
		{"a program", &guest.Error{Status: guest.StatusNotInstalled, Msg: "cannot use qemu", Err: fs.ErrNotExist, Hint: "install it"}, "GR408 qemu.a cannot use qemu: file does not exist", "install it"},
		{"a guest's with an id", &guest.Error{Msg: "cannot use control groups", ID: "GR409"}, "GR409 qemu.a cannot use control groups", ""},
		{"an id for those within", &guest.Error{Msg: "cannot x", ID: "GR510", Err: two}, "GR510 qemu.a f:2:1 two", ""},
		{"in one sentence", fmt.Errorf("cannot %w beside %w", one, two), "GR100 qemu.a cannot f:1:1: one beside f:2:1: two", ""},
		{"plain", errors.New("cannot tell"), "GR100 qemu.a cannot tell", ""},
	} {
		found := Faults("qemu.a", c.err)
		if got := brief(found); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		} else if c.hint != "" && found[0].Hint != c.hint {
			t.Errorf("%s: hint %q, want %q", c.name, found[0].Hint, c.hint)
		}
	}
}

var shelves = []Shelf{
	{"guestrc", "all guests together", "/etc/conf.d/guestrc", confd.Table{{Name: "host_shutdown_budget"}}},
	{"lxc", "lxc guests", "/etc/conf.d/lxc.NAME", confd.Table{{Name: "CONFIGFILE"}, {Name: "ready"}}},
	{"qemu", "qemu guests", "/etc/conf.d/qemu.NAME", confd.Table{{Name: "diskN_file"}, {Name: "ready"}}},
}

func TestAVariableOfAnotherFileIsToldSo(t *testing.T) {
	x := guest.Examination{Name: guest.Name{Kind: "qemu", Instance: "a"}, Warnings: []*confd.Error{
		{Pos: at(1), Msg: "unknown variable", ID: "GR101", Var: "host_shutdown_budget"},
		{Pos: at(2), Msg: "unknown variable", ID: "GR101", Var: "memroy"},
		{Pos: at(3), Msg: "ignored: it is set elsewhere"},
	}}
	want := "GR104 qemu.a f:1:1 host_shutdown_budget is a variable of all guests together, and has no effect here\nGR101 qemu.a f:2:1 unknown variable\nGR103 qemu.a f:3:1 ignored: it is set elsewhere"
	if got := brief(Guest(x, Shelves(shelves, "qemu"))); got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
	if got, want := Guest(x, nil)[1].Hint, "guestrc vars qemu lists those that there are"; got != want {
		t.Errorf("hint %q, want %q", got, want)
	}
	found := Shared(errors.Join(errors.New("no")), []*confd.Error{{Pos: at(1), ID: "GR101", Var: "ready"}}, Shelves(shelves, "guestrc"))
	if got, want := brief(found), "GR104 f:1:1 ready is a variable of lxc guests and qemu guests, and has no effect here\nGR105 no"; got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
	if found[0].Hint != "move the line to /etc/conf.d/lxc.NAME or /etc/conf.d/qemu.NAME" {
		t.Error(found[0].Hint)
	}
}

func TestAGuestsState(t *testing.T) {
	for _, c := range []struct {
		name    string
		status  guest.Status
		nothing bool
		err     error
		want    string
	}{
		{"running", guest.Status{Guest: "qemu.a", State: guest.Running}, false, nil, ""},
		{"stopped", guest.Status{Guest: "qemu.a", State: guest.Stopped, Code: 3}, false, nil, ""},
		{"crashed", guest.Status{Guest: "qemu.a", State: guest.Crashed, Code: 1, Message: "its process died"}, false, nil, "GR703 qemu.a its process died"},
		{"locked", guest.Status{Guest: "qemu.a", State: guest.Crashed, Code: 2, Message: "something lives on"}, false, nil, "GR703 qemu.a something lives on"},
		{"in doubt", guest.Status{Guest: "qemu.a", State: guest.Unknown, Code: 4, Message: "which?"}, false, nil, "GR705 qemu.a which?"},
		{"in doubt for want of its files", guest.Status{Guest: "qemu.a", State: guest.Unknown, Code: 4, Message: "which?"}, false, errors.New("bad"), "GR100 qemu.a bad"},
		{"nothing describes it", guest.Status{Guest: "qemu.a", State: guest.Stopped, Code: 3}, true, errors.New("bad"), ""},
		{"runs, and nothing describes it", guest.Status{Guest: "qemu.a", State: guest.Running}, true, errors.New("bad"), "GR608 qemu.a it runs, and nothing describes it: it can be stopped, and not started again"},
		{"crashed, and nothing describes it", guest.Status{Guest: "qemu.a", State: guest.Crashed, Code: 1, Message: "died"}, true, errors.New("bad"), "GR703 qemu.a died"},
	} {
		x := guest.Examination{Name: guest.Name{Kind: "qemu", Instance: "a"}, Status: c.status, Nothing: c.nothing, Err: c.err}
		if got := brief(Guest(x, nil)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestASchedulesLimits(t *testing.T) {
	for _, c := range []struct {
		schedule string
		limits   Limits
		want     string
	}{
		{"acpi/60/KILL/5", Limits{}, ""},
		{"acpi/60/KILL/5", Limits{Budget: 65 * time.Second, Unit: 65 * time.Second}, ""},
		{"acpi/60/KILL/5", Limits{Budget: time.Minute}, "GR601 g f:1:1 stop_schedule takes up to 65 s, host_shutdown_budget is 60 s: when the host goes down it becomes acpi/55/KILL/5"},
		{"acpi/60/KILL/5", Limits{Battery: 30 * time.Second}, "GR601 g f:1:1 stop_schedule takes up to 65 s, host_shutdown_budget_battery is 30 s: when the host goes down it becomes acpi/25/KILL/5"},
		{"acpi/60/KILL/5", Limits{Unit: time.Minute}, "GR602 g f:1:1 stop_schedule takes up to 65 s, its unit's TimeoutStopSec is 60 s"},
		{"acpi/60/KILL/5", Limits{Unit: math.MaxInt64}, ""},
		{"acpi/60", Limits{}, "GR603 g f:1:1 stop_schedule ends in acpi: a guest that ignores it stays up"},
		{"acpi/60/forever", Limits{}, "GR603 g f:1:1 stop_schedule waits for ever"},
		{"acpi/60", Limits{Budget: 2 * time.Minute}, ""},
	} {
		s, err := shutdown.Parse(c.schedule, "acpi")
		if err != nil {
			t.Fatal(err)
		}
		if got := brief(Schedule("g", s, at(1), c.limits)); got != c.want {
			t.Errorf("%s, %+v:\n%s\nwant\n%s", c.schedule, c.limits, got, c.want)
		}
	}
	if got := Schedule("g", nil, at(1), Limits{Budget: 1}); got != nil {
		t.Errorf("of no schedule: %v", got)
	}
}

func TestWhatAServiceDependsOn(t *testing.T) {
	s := guest.Service{Set: deps.Set{Dependencies: []deps.Dependency{
		{Relation: deps.Need, Sort: deps.Service, Name: "qemu.there", Why: "rc_need", Pos: at(1)},
		{Relation: deps.Need, Sort: deps.Service, Name: "qemu.gone", Why: "rc_need", Pos: at(2)},
		{Relation: deps.After, Sort: deps.Service, Name: "qemu.gone", Why: "rc_after", Pos: at(3)},
		{Relation: deps.Need, Sort: deps.Service, Name: "sshd", Why: "rc_need", Pos: at(4)},
		{Relation: deps.Want, Sort: deps.Service, Name: "shhd", Why: "rc_want", Pos: at(5)},
		{Relation: deps.Use, Sort: deps.Service, Name: "shhd", Why: "rc_use", Pos: at(6)},
		{Relation: deps.After, Sort: deps.Service, Name: "lxc.*", Why: "rc_after", Pos: at(7)},
		{Relation: deps.Want, Sort: deps.Service, Name: "net", Why: "net0", Pos: at(8)},
		{Relation: deps.Need, Sort: deps.Path, Name: "/srv", Why: "disk0_file", Pos: at(9)},
	}}}
	there := Services{
		Ours:  func(name string) (known, mine bool) { return name == "qemu.there", strings.HasPrefix(name, "qemu.") },
		Known: func(name string) bool { return name == "sshd" },
	}
	found := Dependencies("qemu.a", s, there)
	want := "GR604 qemu.a f:2:1 rc_need names qemu.gone, which nothing describes\nGR604 qemu.a f:3:1 rc_after names qemu.gone, which nothing describes\n" +
		"GR604 qemu.a f:5:1 rc_want names the service shhd, which does not exist"
	if got := brief(found); got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
	there.Known = nil // without OpenRC nobody knows
	if got := len(Dependencies("qemu.a", s, there)); got != 2 {
		t.Errorf("without OpenRC: %d", got)
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	for _, c := range []struct {
		name string
		p    Place
		want string
	}{
		{"a directory", Place{Mode: fs.ModeDir | 0o755}, ""},
		{"a directory of all", Place{Mode: fs.ModeDir | 0o777}, "GR701 p its mode 0777 lets others than its owner write to it"},
		{"a file of a group", Place{Mode: 0o664}, "GR701 p its mode 0664 lets others than its owner write to it"},
		{"a directory of the distribution's", Place{Mode: fs.ModeDir | 0o775, Trusted: true}, ""},
		{"one of all", Place{Mode: fs.ModeDir | 0o777, Trusted: true}, "GR701 p its mode 0777 lets others than its owner write to it"},
		{"another's", Place{Mode: 0o644, UID: 1000}, "GR701 p it belongs to uid 1000, who can change it"},
		{"ours", Place{Mode: 0o644, UID: 77}, ""},
		{"the guest's user's", Place{Mode: 0o644, UID: 1000, Theirs: true}, ""},
		{"a socket", Place{Mode: fs.ModeSocket | 0o777}, ""},
		{"a socket in reach", Place{Mode: fs.ModeSocket | 0o777, Open: true}, "GR704 p every user of the host can connect to it"},
		{"a socket of a group", Place{Mode: fs.ModeSocket | 0o770, Open: true}, ""},
		{"a password", Place{Mode: 0o644, Secret: "vnc_password", Open: true}, "GR702 p vnc_password is in it, and every user of the host can read it"},
		{"a password out of reach", Place{Mode: 0o644, Secret: "vnc_password"}, ""},
		{"a password of a group", Place{Mode: 0o640, Secret: "vnc_password", Open: true}, ""},
		{"a FIFO", Place{Mode: fs.ModeNamedPipe | 0o666}, ""},
	} {
		c.p.Path = "p"
		if got := brief(Access([]Place{c.p}, 77)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestWhatMayNotBeSeenIsNoFault(t *testing.T) {
	of := func(err error) *confd.Error { return confd.Errorf(at(1), "cannot use x: %v", err).WithID("GR201") }
	found := Warnings("qemu.a", []*confd.Error{of(syscall.EACCES), of(syscall.EPERM), of(syscall.ENOENT)})
	Refused(found)
	want := "GR106 qemu.a f:1:1 cannot use x: permission denied\nGR106 qemu.a f:1:1 cannot use x: operation not permitted\nGR201 qemu.a f:1:1 cannot use x: no such file or directory"
	if got := brief(found); got != want || found[0].Severity != finding.Warning {
		t.Errorf("%s\n%s\nwant\n%s", found[0].Severity, got, want)
	}
	if got := brief(Unseen("qemu.a", &guest.Error{Msg: "no answer", ID: "GR201"})); got != "GR106 qemu.a no answer" {
		t.Error(got)
	}
}

// TestHintsAreSafeToCopy: a name that a guest's user has chosen is not to be a
// command.
func TestHintsAreSafeToCopy(t *testing.T) {
	for path, safe := range map[string]bool{"/run/guestrc/qemu.a/sock/x": true, "/run/x;reboot": false, "/run/$(reboot)": false, "/run/x y": false, "/run/\u202e": false} {
		for _, p := range []Place{{Mode: 0o666}, {Mode: 0o644, UID: 9}, {Mode: fs.ModeSocket | 0o777, Open: true}, {Mode: 0o644, Secret: "x", Open: true}} {
			p.Path = path
			if found := Access([]Place{p}, 0); len(found) != 1 || strings.Contains(found[0].Hint, path) != safe {
				t.Errorf("%q: %+v", path, found)
			}
		}
	}
}
