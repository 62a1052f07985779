package qemu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/guestrc/guestrc/shutdown"
)

// lostByShutdown are what ssh(1) says when the guest goes down under it: the
// command was delivered.
var lostByShutdown = []string{"closed by remote host", "Connection reset", "Broken pipe", "Connection to "}

// ssh runs ssh_command in the guest. It never asks a question: a key that
// works without one is the administrator's to arrange.
func (t *target) ssh(ctx context.Context, note func(string)) error {
	stop := t.m.Stop
	if stop.SSHTarget == "" {
		return fmt.Errorf("%w: ssh_target is not set", shutdown.ErrAbsent)
	}
	args := append([]string{"-o", "BatchMode=yes", "-o", "ConnectTimeout=5"}, stop.SSHOptions...)
	cmd := exec.CommandContext(ctx, "ssh", append(args, stop.SSHTarget, stop.SSHCommand)...)
	cmd.WaitDelay = time.Second                          // a control master may keep the output open
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no terminal to ask on
	var stderr bytes.Buffer
	cmd.Stderr = &limited{to: &stderr, left: 4096}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil, ctx.Err() != nil:
	case errors.As(err, &exit) && exit.ExitCode() == 255 && lost(stderr.String()):
	case errors.As(err, &exit):
		return fmt.Errorf("cannot run %q over ssh: exit status %d: %s", stop.SSHCommand, exit.ExitCode(), lastLine(stderr.String()))
	default:
		return fmt.Errorf("cannot run ssh: %w", err)
	}
	return t.attend(ctx, note, nil)
}

// lost tells a connection that ended early from one that never was.
func lost(stderr string) bool {
	if strings.Contains(stderr, "kex_exchange_identification") {
		return false
	}
	for _, words := range lostByShutdown {
		if strings.Contains(stderr, words) {
			return true
		}
	}
	return false
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// limited is a writer that keeps the first bytes and drops the rest.
type limited struct {
	to   *bytes.Buffer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	l.left -= n
	l.to.Write(p[:n])
	return len(p), nil
}
