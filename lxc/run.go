package lxc

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
func run(ctx context.Context, env []string, program string, args ...string) (string, error) {
	cmd, said := prepare(ctx, env, program, args...)
	err := finish(ctx, cmd)
	return said.String(), err
}

// prepare is run before it begins, for who wants it ended in another way.
func prepare(ctx context.Context, env []string, program string, args ...string) (*exec.Cmd, *head) {
	said := &head{left: saidMax}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = env
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.WaitDelay = time.Second
	return cmd, said
}

// finish runs what prepare made. The error of ctx goes before that of a program
// which was ended for it.
func finish(ctx context.Context, cmd *exec.Cmd) error {
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) { // it succeeded, and a hook holds our pipe
		err = nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return err
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

// startVar marks, in their environment, the processes that come of one start.
const startVar = "GUESTRC_START"

// mark is a value of startVar that no other start has.
func (c *Container) mark() string {
	if c.Layout.Run != "" { // known to whoever clears up after us
		return startVar + "=" + c.Layout.Run
	}
	var random [8]byte
	unix.Getrandom(random[:], 0) // never fails for so few bytes, once the system is up (getrandom(2))
	return startVar + "=" + hex.EncodeToString(random[:])
}

// endOrphans ends what a failed lxc-start left running: it came to us as orphans
// (PR_SET_CHILD_SUBREAPER, prctl(2)), and so does what these leave. We have
// other children too, guests among them: the mark tells.
func endOrphans(ctx context.Context, mark string) error {
	ctx, cancel := context.WithTimeout(ctx, monitorTime)
	defer cancel()
	for {
		ended := 0
		for _, pid := range children("self") {
			p, err := pidfile.Capture(pid)
			if err != nil {
				continue // it has ended
			}
			if marked(pid, mark) {
				ended++
				if err = p.Signal(unix.SIGKILL); err == nil || errors.Is(err, pidfile.ErrGone) {
					err = p.Wait(ctx)
				}
			}
			if err = errors.Join(err, p.Close()); err != nil {
				return fmt.Errorf("cannot end what lxc-start left: %w", err)
			}
		}
		if ended == 0 {
			return nil
		}
	}
}

// marked looks at the environment that a process was executed with
// (proc_pid_environ(5)). LXC's monitor changes its title and not this.
func marked(pid int, mark string) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	return err == nil && slices.Contains(strings.Split(string(text), "\x00"), mark)
}

// children are those of all threads of a process, given as a directory of /proc.
func children(process string) (pids []int) {
	lists, _ := filepath.Glob("/proc/" + process + "/task/*/children") // the pattern is right
	for _, list := range lists {
		text, _ := os.ReadFile(list) // of a thread that has ended
		for _, field := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}
