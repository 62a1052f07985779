// Package services tests guests as services, under the real OpenRC and the
// real systemd, from one table of assertions. It has no code but tests.
package services

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/need"
)

// The states that both init systems have words for.
const (
	started = "started"
	stopped = "stopped"
	crashed = "crashed"
)

// system is an init system with guestrc installed, in a machine of its own.
type system interface {
	machine() *lab.Machine
	start(ctx context.Context, guest string) (output string, code int)
	stop(ctx context.Context, guest string) (output string, code int)
	restart(ctx context.Context, guest string) (output string, code int)
	// act does what is neither: freeze, reboot, kill and so on.
	act(ctx context.Context, guest, verb string) (output string, code int)
	state(ctx context.Context, guest string) string
	// define tells the init system of a guest that is described now.
	define(ctx context.Context, guest string)
	enable(ctx context.Context, guest string)
}

// installed is what make install puts below DESTDIR, made once.
var installed = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "guestrc-install-")
	if err != nil {
		return "", err
	}
	cmd := exec.Command("make", "-C", "../..", "install", "DESTDIR="+dir, "VERSION=test")
	cmd.Env = append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL=") // we may run below a make
	if out, err := cmd.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("make install: %w\n%s", err, out)
	}
	return dir, os.Chmod(dir, 0o755)
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, _ := installed(); dir != "" {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

func product(t *testing.T) lab.Option {
	t.Helper()
	need.Programs(t, "make", "qemu-system-x86_64", "lxc-start")
	dir, err := installed()
	if err != nil {
		t.Fatal(err)
	}
	return lab.Layer(dir)
}

// openRC is OpenRC, not booted, or as PID 1.
type openRC struct {
	t *testing.T
	m *lab.Machine
}

func newOpenRC(t *testing.T, options ...lab.Option) system {
	return &openRC{t, lab.OpenRC(t, append(options, product(t))...)}
}

func bootedOpenRC(t *testing.T, options ...lab.Option) system {
	return &openRC{t, lab.OpenRCBooted(t, append(options, product(t))...)}
}

func (s *openRC) machine() *lab.Machine { return s.m }

func (s *openRC) service(ctx context.Context, guest, verb string) (string, int) {
	out, errs, code := s.m.Run(ctx, "rc-service", guest, verb)
	return out + errs, code
}

func (s *openRC) start(ctx context.Context, g string) (string, int) {
	return s.service(ctx, g, "start")
}
func (s *openRC) stop(ctx context.Context, g string) (string, int) { return s.service(ctx, g, "stop") }
func (s *openRC) restart(ctx context.Context, g string) (string, int) {
	return s.service(ctx, g, "restart")
}

func (s *openRC) act(ctx context.Context, g, verb string) (string, int) {
	if verb == "kill" {
		verb = "forcestop"
	}
	return s.service(ctx, g, verb)
}

func (s *openRC) state(ctx context.Context, g string) string {
	s.t.Helper()
	out, code := s.service(ctx, g, "status")
	switch code {
	case 0:
		return started
	case 3:
		return stopped
	case 32:
		return crashed
	}
	return fmt.Sprintf("exit status %d: %s", code, out)
}

func (s *openRC) define(ctx context.Context, g string) {
	s.t.Helper()
	s.m.Link("/etc/init.d/"+g, "guestrc")
	s.m.Must(ctx, "rc-update", "-u")
}

func (s *openRC) enable(ctx context.Context, g string) {
	s.t.Helper()
	s.m.Must(ctx, "rc-update", "add", g, "default")
}

// systemd is systemd as PID 1.
type systemd struct {
	t *testing.T
	m *lab.Machine
}

func newSystemd(t *testing.T, options ...lab.Option) system {
	return &systemd{t, lab.Systemd(t, append(options, product(t))...)}
}

func (s *systemd) machine() *lab.Machine { return s.m }

func unit(guest string) string {
	kind, name, _ := strings.Cut(guest, ".")
	return "guestrc-" + kind + "@" + name + ".service"
}

func (s *systemd) control(ctx context.Context, verb, guest string) (string, int) {
	out, errs, code := s.m.Run(ctx, "systemctl", verb, unit(guest))
	if code != 0 {
		log, _, _ := s.m.Run(ctx, "journalctl", "--no-pager", "-u", unit(guest))
		errs += log
	}
	return out + errs, code
}

func (s *systemd) start(ctx context.Context, g string) (string, int) {
	return s.control(ctx, "start", g)
}
func (s *systemd) stop(ctx context.Context, g string) (string, int) { return s.control(ctx, "stop", g) }
func (s *systemd) restart(ctx context.Context, g string) (string, int) {
	return s.control(ctx, "restart", g)
}

// act: systemctl has no verbs of a unit's own.
func (s *systemd) act(ctx context.Context, g, verb string) (string, int) {
	out, errs, code := s.m.Run(ctx, "guestrc", verb, g)
	return out + errs, code
}

func (s *systemd) state(ctx context.Context, g string) string {
	s.t.Helper()
	out, _, _ := s.m.Run(ctx, "systemctl", "is-active", unit(g))
	switch state := strings.TrimSpace(out); state {
	case "active":
		return started
	case "inactive":
		return stopped
	case "failed":
		return crashed
	default:
		return state
	}
}

func (s *systemd) define(ctx context.Context, _ string) {
	s.t.Helper()
	s.m.Must(ctx, "systemctl", "daemon-reload")
}

func (s *systemd) enable(ctx context.Context, g string) {
	s.t.Helper()
	s.m.Must(ctx, "systemctl", "enable", unit(g))
}
