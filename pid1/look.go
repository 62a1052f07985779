package pid1

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
)

// Init is what a container's PID 1 is at one moment, judged from the host's
// /proc alone. It may become another at any time: inits execute each other
// while they boot.
type Init struct {
	Kind Kind
	Exe  string // text of /proc/PID/exe, made printable; a hint

	hints    hints
	status   status
	waits    bool // in sigtimedwait(2): what it waits for does not count as blocked then
	musl     bool // of systemd: which number SIGRTMIN is
	s6Halt   bool // of s6: it has a script for SIGUSR1
	s6Reboot bool // of s6: and one for SIGINT
}

// Look identifies p. It returns pidfile.ErrGone when p has ended or is just
// about to, when it has no executable any more. A process of
// our own pid namespace is no init whatever it is called: it is an Application.
func Look(p *pidfile.Process) (Init, error) {
	i, err := within(livePatience, func() (Init, error) { return look(p) })
	// Files of a process that ends can be absent or another's: its end counts.
	if p.Ended() || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) {
		err = pidfile.ErrGone
	}
	if err != nil {
		return Init{}, fmt.Errorf("cannot identify the init of a container: %w", err)
	}
	return i, nil
}

// System reports whether it is the init of a whole system.
func (i Init) System() bool { return customs[i.Kind].system }

// Boots reports whether it may be on its way to become the init of a system: a
// script that will execute it, or a program that has not set up its signals.
func (i Init) Boots() bool { return i.Kind == Application && startsOut(i.hints) }

// MayReboot reports whether it has CAP_SYS_BOOT. An init without can shut
// everything down but not end.
func (i Init) MayReboot() bool { return i.status.caps>>unix.CAP_SYS_BOOT&1 == 1 }

// Command is the command that shuts the system down when it is run inside, to
// be found in PATH; nil when there is none.
func (i Init) Command() []string { return customs[i.Kind].command }

// name is for messages.
func (i Init) name() string {
	if i.Kind == Application {
		return i.Exe
	}
	return string(i.Kind)
}

// own reports whether it is the first process of a pid namespace below ours.
func (i Init) own() bool { return i.status.depth > 1 && i.status.inner == 1 }

// sameProgram reports whether no other program was executed from one look to
// the next, as far as can be seen. An init executes helpers of its own kind.
func (i Init) sameProgram(then Init) bool {
	return i.Kind == then.Kind && (i.Kind != Application || i.hints.exe == then.hints.exe)
}

// hears reports whether sig would reach it. From outside of its pid namespace
// SIGKILL and SIGSTOP always do (pid_namespaces(7)). One that is blocked is kept
// even where it is ignored (kernel/signal.c, sig_ignored), which finit relies on.
func (i Init) hears(sig unix.Signal) bool {
	s := i.status
	switch {
	case sig == unix.SIGKILL || sig == unix.SIGSTOP:
		return true
	case customs[i.Kind].catches:
		return s.caught.has(sig)
	case !i.own() && !s.ignored.has(sig):
		return true // what it does not catch ends it
	}
	return (s.caught | s.blocked).has(sig) || i.waits
}

func look(p *pidfile.Process) (Init, error) {
	dir := "/proc/" + strconv.Itoa(p.Pid())
	var h hints
	for range 4 { // else it executes one program after another
		var err error
		if h, err = readHints(dir); err != nil {
			return Init{}, err
		}
		text, err := readProc(dir+"/status", 16<<10)
		if err != nil {
			return Init{}, err
		}
		if again, err := os.Readlink(dir + "/exe"); err != nil || again != h.exe {
			continue // the sets of signals may be those of another program
		}
		s, err := parseStatus(text)
		if err != nil {
			return Init{}, err
		}
		return judge(p, dir, h, s), nil
	}
	return Init{}, fmt.Errorf("it does not stay the same program for a moment, the last one being %s", printable(h.exe))
}

func judge(p *pidfile.Process, dir string, h hints, s status) Init {
	i := Init{Kind: Application, Exe: printable(h.exe), hints: h, status: s, waits: waitsForSignal(dir)}
	if !i.own() {
		return i
	}
	if parent, err := p.Parent(); err == nil && sameExe(p.Pid(), parent) {
		i.Kind = Launcher
		return i
	}
	switch i.Kind = identify(h, s); i.Kind {
	case Systemd:
		i.musl = linksMusl(dir)
	case S6:
		i.s6Halt, i.s6Reboot = s6Script(dir, "SIGUSR1"), s6Script(dir, "SIGINT")
	}
	return i
}

// sameExe compares files. A manager's child that has not executed anything yet
// still is what its parent is.
func sameExe(pid, parent int) bool {
	var a, b unix.Stat_t
	return unix.Stat(fmt.Sprintf("/proc/%d/exe", pid), &a) == nil &&
		unix.Stat(fmt.Sprintf("/proc/%d/exe", parent), &b) == nil && a.Dev == b.Dev && a.Ino == b.Ino
}

func readHints(dir string) (hints, error) {
	exe, err := os.Readlink(dir + "/exe")
	if err != nil {
		return hints{}, err
	}
	comm, err := readProc(dir+"/comm", 64)
	if err != nil {
		return hints{}, err
	}
	cmdline, err := readProc(dir+"/cmdline", cmdlineSize)
	if err != nil {
		return hints{}, err
	}
	argv := strings.Split(strings.TrimRight(cmdline, "\x00"), "\x00")
	return hints{exe, strings.TrimSuffix(comm, "\n"), argv}, nil
}

// printable escapes everything that a terminal could take for a command.
func printable(text string) string {
	const limit = 256
	quoted := strconv.Quote(text[:min(len(text), limit)])
	return quoted[1 : len(quoted)-1]
}
