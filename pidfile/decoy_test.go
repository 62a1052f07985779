package pidfile

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// decoy is a process that nobody may signal. It blocks every signal, so that
// the kernel keeps whatever it was sent pending, for us to count.
type decoy struct {
	*exec.Cmd
	pid   int
	ended bool
}

func startDecoy(t testing.TB) *decoy {
	t.Helper()
	cmd := exec.CommandContext(deadline(t), "sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	ok(t, startBlocked(cmd))
	d := &decoy{Cmd: cmd, pid: cmd.Process.Pid}
	t.Cleanup(d.end)
	return d
}

// startBlocked starts a process that inherits a mask of all signals.
func startBlocked(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, before unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, &before); err != nil {
		return err
	}
	defer unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil)
	return cmd.Start()
}

func (d *decoy) end() {
	if !d.ended {
		d.ended = true
		d.Process.Kill()
		d.Wait()
	}
}

// harm says what was done to the decoy, "" when nothing was.
func (d *decoy) harm() string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.pid))
	if err != nil {
		return err.Error()
	}
	var harm []string
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		value = strings.TrimSpace(value)
		switch {
		case name == "State" && !strings.ContainsAny(value[:1], "RSD"):
			harm = append(harm, "state "+value)
		case (name == "SigPnd" || name == "ShdPnd") && strings.Trim(value, "0") != "":
			harm = append(harm, "signals "+value)
		}
	}
	return strings.Join(harm, ", ")
}

func (d *decoy) mustBeUnharmed(t testing.TB) {
	t.Helper()
	if harm := d.harm(); harm != "" {
		t.Errorf("decoy %d was hit: %s", d.pid, harm)
	}
}

// The oracle itself: a decoy that is hit says so.
func TestDecoyTells(t *testing.T) {
	for _, sig := range []unix.Signal{unix.SIGTERM, unix.SIGKILL, unix.SIGSTOP, 37} {
		d := startDecoy(t)
		d.mustBeUnharmed(t)
		p := capture(t, d.pid)
		ok(t, p.Signal(sig))
		if sig == unix.SIGKILL {
			ok(t, p.Wait(t.Context()))
		}
		if sig == unix.SIGSTOP {
			awaitState(t, d.pid, 'T')
		}
		if d.harm() == "" {
			t.Errorf("decoy does not tell that it got signal %d", sig)
		}
	}
}
