package lxc

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
)

// run executes a program in a session of its own, so that a Ctrl-C meant for
// us does not leave a container half made, and returns what it said. Its output
// goes through a pipe that the daemon in the background does not hold.
func run(ctx context.Context, program string, args ...string) (string, error) {
	said := &head{left: saidMax}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = baseEnv()
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) { // it succeeded, and a hook holds our pipe
		err = nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return said.String(), err
}

// saidMax is how much is kept of what a program says, in bytes. One that runs
// inside may say it without end.
const saidMax = 4 << 10

// head keeps the beginning of what is written to it.
type head struct {
	text []byte
	left int
}

func (h *head) String() string { return string(h.text) }

func (h *head) Write(p []byte) (int, error) {
	n := min(len(p), h.left)
	h.left -= n
	h.text = append(h.text, p[:n]...)
	return len(p), nil
}

// firstLine is what a program that runs inside said first, fit to be shown.
func firstLine(said string) string {
	const limit = 200
	line, _, _ := strings.Cut(strings.TrimSpace(said), "\n")
	runes := []rune(line)
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, string(runes[:min(len(runes), limit)]))
}

// endOrphans ends what a failed lxc-start left running: it came to us as orphans
// (PR_SET_CHILD_SUBREAPER, prctl(2)), and so does what these leave.
func endOrphans(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, monitorTime)
	defer cancel()
	for {
		orphans, err := children()
		if err != nil || len(orphans) == 0 {
			return err
		}
		for _, pid := range orphans {
			if err := endOrphan(ctx, pid); err != nil {
				return err
			}
		}
	}
}

func endOrphan(ctx context.Context, pid int) error {
	p, err := pidfile.Capture(pid)
	if err == nil {
		defer p.Close()
		if err = p.Signal(unix.SIGKILL); err == nil {
			err = p.Wait(ctx)
		}
	}
	if err != nil && !errors.Is(err, pidfile.ErrGone) {
		return err
	}
	_, err = unix.Wait4(pid, nil, 0, nil) // it has ended
	return err
}

// children are those of all of our threads, zombies too.
func children() (pids []int, err error) {
	lists, err := filepath.Glob("/proc/self/task/*/children")
	for _, list := range lists {
		text, _ := os.ReadFile(list) // of a thread that has ended
		for _, field := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids, err
}
