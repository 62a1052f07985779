package pid1

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
)

func set(sigs ...unix.Signal) (s signals) {
	for _, sig := range sigs {
		s |= 1 << (sig - 1)
	}
	return s
}

// Sets as /proc showed them: sysvinit 3.06, and a Go program.
const (
	sysvinitCaught  = signals(0x00000000280b2e03)
	sysvinitIgnored = signals(0xfffffffe57f0d0fc)
	goCaught        = signals(0xfffffffd7fc1feff)
)

func inside(s status) status {
	s.depth, s.inner = 2, 1
	return s
}

func TestIdentify(t *testing.T) {
	sysvinit := status{caught: sysvinitCaught, ignored: sysvinitIgnored}
	for _, test := range []struct {
		hints
		status
		want Kind
	}{
		{hints{"/usr/lib/systemd/systemd", "systemd", []string{"/sbin/init"}}, status{}, Systemd},
		{hints{"/usr/lib/systemd/systemd (deleted)", "systemd", nil}, status{}, Systemd},
		{hints{"/usr/bin/busybox", "init", []string{"init"}}, status{}, Busybox},
		{hints{"/bin/busybox", "busybox", []string{"/bin/busybox", "init"}}, status{}, Busybox},
		{hints{"/bin/busybox.static", "init", []string{"/sbin/init"}}, status{}, Busybox},
		{hints{"/bin/busybox", "init", []string{"/bin/sh", "/sbin/init"}}, status{}, Application},
		{hints{"/bin/busybox", "sh", []string{"sh"}}, status{}, Application},
		{hints{"/bin/busybox", "busybox", []string{"busybox", "sh"}}, status{}, Application},
		{hints{"/bin/busybox", "busybox", nil}, status{}, Application},
		{hints{"/bin/toybox", "init", []string{"init"}}, status{}, Busybox},
		{hints{"/usr/sbin/init", "init", []string{"init [2]"}}, sysvinit, Sysvinit},
		{hints{"/usr/sbin/init", "init", []string{"/sbin/init"}}, status{}, Application}, // has not set up its signals
		{hints{"/sbin/init", "init", []string{"/sbin/init"}}, status{caught: set(unix.SIGHUP, unix.SIGINT, unix.SIGUSR1, unix.SIGTERM, unix.SIGPWR)}, Upstart},
		{hints{"/init", "init", []string{"/init"}}, status{caught: goCaught}, Application},
		{hints{"/sbin/openrc-init", "init", nil}, status{}, OpenRC},
		{hints{"/usr/bin/runit-init", "runit-init", nil}, status{}, Runit},
		{hints{"/usr/sbin/runit", "runit", []string{"runit"}}, status{}, Runit},
		{hints{"/usr/bin/s6-svscan", "s6-svscan", nil}, status{}, S6},
		{hints{"/sbin/procd", "procd", nil}, status{}, Procd},
		{hints{"/usr/sbin/dinit", "init", nil}, status{}, Dinit},
		{hints{"/sbin/finit", "init", nil}, status{}, Finit},
		{hints{"/sbin/docker-init", "docker-init", nil}, status{}, Tini},
		{hints{"/usr/bin/dumb-init", "dumb-init", nil}, status{}, DumbInit},
		{hints{"/init.lxc.static", "init.lxc.static", nil}, status{}, LXCInit},
		{hints{"/usr/bin/postgres", "postgres", nil}, status{caught: goCaught}, Application},
		{hints{"", "", nil}, status{}, Application},
	} {
		if got := identify(test.hints, inside(test.status)); got != test.want {
			t.Errorf("identify(%q) = %s, want %s", test.hints, got, test.want)
		}
	}
}

// Sets as /proc showed them once each was up, and whether a program was in
// sigtimedwait(2), where what is waited for does not show.
func TestInitsThatAreUpHearWhatTheyAreSent(t *testing.T) {
	for kind, i := range map[Kind]Init{
		Busybox:     {status: status{blocked: 0x20014a07, caught: 0x80000}},
		Systemd:     {status: status{blocked: 0x7fe3c0fe28014a03, ignored: 0x1000, caught: 0x4ec}},
		OpenRC:      {status: status{blocked: 0xfffffffe5ffabefd, caught: 0x20014002}},
		Runit:       {status: status{blocked: 0x5001, caught: 0x20032002}},
		S6:          {status: status{blocked: 0x28016a27, caught: 0x1000}, s6Halt: true},
		Finit:       {status: status{blocked: 0x20014a03, ignored: 0xfffffffe7ffafeff, caught: 0x10000}},
		Tini:        {status: status{ignored: 0x300000}, waits: true},
		DumbInit:    {status: status{caught: 0x7ffbfeff}, waits: true},
		Application: {status: status{caught: 0x4000, blocked: 0xfffffffc3bba3a00}},
	} {
		i.Kind, i.status = kind, inside(i.status)
		if w, err := choose(i, halt, Options{}); err != nil || !i.hears(w.signal) {
			t.Errorf("%s does not hear %s, %v", kind, w, err)
		}
		i.status = inside(status{ignored: i.status.ignored})
		i.waits = false
		if w, err := choose(i, halt, Options{}); err == nil && i.hears(w.signal) {
			t.Errorf("%s hears %s before it has set up anything", kind, w)
		}
	}
	deaf := Init{Kind: OpenRC, status: inside(status{blocked: ^signals(0)})}
	if deaf.hears(unix.SIGTERM) {
		t.Error("an openrc-init before 0.43 hears SIGTERM, which it blocks and never reads")
	}
}

func TestChoose(t *testing.T) {
	app := func(caught, blocked, ignored signals) Init {
		return Init{Kind: Application, status: inside(status{caught: caught, blocked: blocked, ignored: ignored})}
	}
	kind := func(k Kind) Init { return Init{Kind: k, status: inside(status{})} }
	shell := app(set(unix.SIGINT, unix.SIGHUP), 0, set(unix.SIGTERM))
	shell.hints = hints{exe: "/usr/bin/bash"}
	waiting := app(0, 0, 0)
	waiting.waits = true
	shared := Init{Kind: Application, status: status{depth: 1, inner: 4711, caught: set(unix.SIGHUP)}}
	musl := kind(Systemd)
	musl.musl = true
	sysvinit310 := kind(Sysvinit)
	sysvinit310.status.caught = set(38)
	sysvinitMusl := kind(Sysvinit)
	sysvinitMusl.status.caught = set(39)
	s6 := kind(S6)
	s6.s6Halt, s6.s6Reboot = true, true

	for _, test := range []struct {
		to   Init
		want want
		o    Options
		way  string
	}{
		{kind(Systemd), halt, Options{}, "signal 38"},
		{kind(Systemd), reboot, Options{}, "signal 39"},
		{musl, halt, Options{}, "signal 39"},
		{musl, reboot, Options{}, "signal 40"},
		{kind(Systemd), halt, Options{Signal: unix.SIGTERM}, "SIGTERM"},
		{kind(Sysvinit), halt, Options{}, "fifo 0"},
		{kind(Sysvinit), reboot, Options{}, "fifo 6"},
		{sysvinit310, halt, Options{}, "signal 38"},
		{sysvinit310, reboot, Options{}, "fifo 6"},
		{sysvinitMusl, halt, Options{}, "signal 39"},
		{kind(Sysvinit), halt, Options{Signal: unix.SIGPWR}, "SIGPWR"},
		{kind(Busybox), halt, Options{}, "SIGUSR2"},
		{kind(Busybox), reboot, Options{}, "SIGTERM"},
		{kind(OpenRC), halt, Options{}, "SIGTERM"},
		{kind(OpenRC), reboot, Options{}, "SIGINT"},
		{kind(Runit), halt, Options{}, "marks SIGCONT"},
		{kind(Runit), reboot, Options{}, "marks SIGCONT"},
		{s6, halt, Options{}, "SIGUSR1"},
		{s6, reboot, Options{}, "SIGINT"},
		{kind(S6), halt, Options{}, "SIGTERM"},
		{kind(S6), reboot, Options{}, "deaf"},
		{kind(Dinit), halt, Options{}, "SIGTERM"},
		{kind(Dinit), reboot, Options{}, "SIGINT"},
		{kind(Finit), halt, Options{}, "SIGUSR2"},
		{kind(Finit), reboot, Options{}, "SIGTERM"},
		{kind(Procd), halt, Options{}, "SIGUSR2"},
		{kind(Upstart), halt, Options{}, "SIGPWR"},
		{kind(Tini), halt, Options{}, "SIGTERM"},
		{kind(Tini), reboot, Options{}, "deaf"},
		{kind(DumbInit), halt, Options{}, "SIGTERM"},
		{kind(LXCInit), halt, Options{}, "SIGTERM"},
		{app(goCaught, 0, 0), halt, Options{}, "SIGTERM"},
		{app(goCaught, 0, 0), reboot, Options{}, "deaf"},
		{app(set(unix.SIGPWR, unix.SIGQUIT), set(unix.SIGTERM), 0), halt, Options{}, "SIGQUIT"},
		{app(set(unix.SIGCHLD), set(unix.SIGTERM), 0), halt, Options{}, "SIGTERM"}, // by signalfd, say
		{app(set(unix.SIGCHLD), set(unix.SIGTERM), set(unix.SIGTERM)), halt, Options{}, "deaf"},
		{app(0, 0, 0), halt, Options{}, "deaf"},
		{app(0, 0, 0), halt, Options{Signal: unix.SIGUSR1}, "SIGUSR1"},
		{waiting, halt, Options{}, "SIGTERM"},
		{shared, halt, Options{}, "SIGTERM"}, // its default action is to end
		{shell, halt, Options{}, "SIGHUP"},
	} {
		w, err := choose(test.to, test.want, test.o)
		got := w.String()
		switch {
		case errors.Is(err, ErrDeaf):
			got = "deaf"
		case err != nil:
			t.Errorf("%s: %v", test.to.Kind, err)
		case w.fifo != 0:
			got = "fifo " + string(w.fifo)
		case w.marks:
			got = "marks " + got
		}
		if got != test.way {
			t.Errorf("%s to %+v by %s, want %s", test.want, test.to, got, test.way)
		}
	}
}

// Of these signals each makes an init do something else than what was asked.
func TestNoInitGetsAnothersSignal(t *testing.T) {
	never := map[Kind][]unix.Signal{
		Systemd:  {unix.SIGTERM, unix.SIGPWR, unix.SIGUSR2, unix.SIGINT},
		Busybox:  {unix.SIGTERM, unix.SIGINT},
		Finit:    {unix.SIGTERM, unix.SIGINT},
		Procd:    {unix.SIGTERM, unix.SIGINT},
		Sysvinit: {unix.SIGUSR2, unix.SIGTERM},
		Runit:    {unix.SIGTERM, unix.SIGINT},
	}
	for kind, bad := range never {
		for _, caught := range []signals{0, goCaught, sysvinitCaught, ^signals(0)} {
			w, err := choose(Init{Kind: kind, status: inside(status{caught: caught})}, halt, Options{})
			if err != nil {
				t.Errorf("%s: %v", kind, err)
			}
			for _, sig := range bad {
				if w.signal == sig {
					t.Errorf("%s would get %s", kind, w)
				}
			}
		}
	}
}

func TestEnding(t *testing.T) {
	for _, test := range []struct {
		exit pidfile.ExitStatus
		want string
		sure bool
	}{
		{pidfile.ExitStatus{Signal: unix.SIGINT}, "poweroff", true},
		{pidfile.ExitStatus{Signal: unix.SIGHUP}, "reboot", true},
		{pidfile.ExitStatus{Signal: unix.SIGKILL}, "killed by SIGKILL", false},
		{pidfile.ExitStatus{}, "exit status 0", false},
		{pidfile.ExitStatus{Code: 133}, "exit status 133", true},
		{pidfile.ExitStatus{Signal: unix.SIGSEGV, Core: true}, "killed by SIGSEGV (core dumped)", true},
	} {
		if got := Ending(test.exit); got.String() != test.want || got.Sure() != test.sure {
			t.Errorf("Ending(%+v) = %s, sure: %t", test.exit, got, got.Sure())
		}
	}
}

func TestNamesArePrintable(t *testing.T) {
	got := printable("/tmp/\x1b]0;x\a\u202e\xff" + strings.Repeat("a", 1000))
	if strings.ContainsAny(got, "\x1b\a") || strings.Contains(got, "\xff") || strings.Contains(got, "\u202e") || len(got) > 1024 {
		t.Errorf("%q", got)
	}
}

func TestRunlevelRequest(t *testing.T) {
	got := runlevelRequest('6')
	if len(got) != 384 || fmt.Sprintf("%x", got[:17]) != "69190903010000003600000003000000"+"00" {
		t.Errorf("% x", got)
	}
}

func TestStages(t *testing.T) {
	const parent = "runit\x00"
	for cmdline, want := range map[string]stage{
		parent:                               stageEarlier,
		"/bin/sh\x00/etc/runit/1\x00":        stageEarlier,
		"/bin/sh\x00/etc/runit/2\x00":        stage2,
		"runsvdir\x00-P\x00/etc/service\x00": stage2,
		"/bin/sh\x00/etc/runit/3\x00":        stageUnknown,
		"":                                   stageUnknown,
	} {
		if got := stageBy(cmdline, parent); got != want {
			t.Errorf("stageBy(%q) = %d, want %d", cmdline, got, want)
		}
	}
}

func TestRunitsMarksAreInItsProgram(t *testing.T) {
	for _, test := range []struct {
		exe  string
		want mark
	}{
		{"\x00x\x00/run/runit.stopit\x00y\x00/run/runit.reboot\x00", mark{"/run/runit.stopit", "/run/runit.reboot"}},
		{"\x00/etc/runit/stopit\x00/etc/runit/reboot\x00", usualMark},
		{"\x00/run/runit/stopit\x00\x00/run/runit/reboot\x00", mark{"/run/runit/stopit", "/run/runit/reboot"}},
		{"\x00/a/stopit\x00\x00/b/reboot\x00", usualMark},
		{"\x00stopit\x00reboot\x00", usualMark},
		{"stopit\x00", usualMark},
		{"", usualMark},
	} {
		if got := markIn([]byte(test.exe)); got != test.want {
			t.Errorf("markIn(%q) = %v", test.exe, got)
		}
	}
}
