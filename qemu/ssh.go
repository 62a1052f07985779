package qemu

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/guestrc/guestrc/shutdown"
)

// lostByShutdown is how ssh(1) says that the guest went down under a session
// that it had: the command was delivered. A connection that never became one
// is told in other words ("ssh: connect to host", "Connection closed by").
var lostByShutdown = regexp.MustCompile(`(?m)^(Connection to .* closed|Read from remote host |client_loop: |packet_write_wait: |Timeout, server )`)

// ssh runs ssh_command in the guest. It never asks a question: a key that
// works without one is the administrator's to arrange.
func (t *target) ssh(ctx context.Context, note func(string)) error {
	stop := t.m.Stop
	if stop.SSHTarget == "" {
		return fmt.Errorf("%w: ssh_target is not set", shutdown.ErrAbsent)
	}
	cmd := exec.CommandContext(ctx, "ssh", sshArgs(stop)...)
	cmd.WaitDelay = time.Second                          // a control master may keep the output open
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no terminal to ask on
	var stderr tail
	cmd.Stderr = &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("%w: %w", shutdown.ErrAbsent, err)
	case err == nil, ctx.Err() != nil, errors.Is(err, exec.ErrWaitDelay):
	case errors.As(err, &exit) && delivered(exit.ExitCode(), stderr.String()):
	case errors.As(err, &exit):
		return fmt.Errorf("cannot run %q over ssh: exit status %d: %s", stop.SSHCommand, exit.ExitCode(), lastLine(stderr.String()))
	default:
		return fmt.Errorf("cannot run ssh: %w", err)
	}
	return t.attend(ctx, note, nil)
}

// sshArgs are ssh's. Of an option that is given twice the first counts, so an
// administrator may have another timeout, but never a question.
func sshArgs(stop StopPolicy) []string {
	args := append([]string{"-o", "BatchMode=yes"}, stop.SSHOptions...)
	return append(args, "-o", "ConnectTimeout=5", "-o", "ServerAliveInterval=5", "--", stop.SSHTarget, stop.SSHCommand)
}

// delivered tells a session that ended early from one that never was. The
// exit status 255 is ssh's own, but also that of a command killed by a signal,
// as the guest's shutdown does; then ssh says nothing.
func delivered(status int, stderr string) bool {
	return status == 255 && (strings.TrimSpace(stderr) == "" || lostByShutdown.MatchString(stderr))
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// tail is a writer that keeps the last bytes.
type tail struct{ text []byte }

func (t *tail) Write(p []byte) (int, error) {
	const most = 4096
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-most):]
	return len(p), nil
}

func (t *tail) String() string { return string(t.text) }
