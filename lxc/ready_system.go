package lxc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pid1"
	"github.com/guestrc/guestrc/pidfile"
)

// errAnswersHost marks why a look inside would tell of the host.
var errAnswersHost = errors.New("the host's would answer")

// systemdPoints are where systemctl reaches systemd (systemctl(1)).
var systemdPoints = []string{"/run", "/run/systemd", "/run/systemd/private", "/run/dbus", "/run/dbus/system_bus_socket"}

// systemdStates are what is-system-running says (systemctl(1)).
var systemdStates = []string{"initializing", "starting", "running", "degraded", "maintenance", "stopping", "offline", "unknown"}

// systemdWait is when systemctl is run anew: with --wait it waits for the end of
// the boot (systemd 240), but nothing else bounds that.
const systemdWait = 30 * time.Second

// systemdReady has systemctl wait for the end of the boot. systemd takes calls
// some moments after it began: until then systemctl is run again.
func (c *Container) systemdReady(ctx context.Context, init *pidfile.Process) error {
	program, err := c.asks(init)
	if err != nil {
		return err
	}
	if is, err := pid1.Look(init); err == nil && is.System() && is.Kind != pid1.Systemd {
		return fmt.Errorf("ready=systemd, and its init is %s", is.Kind)
	}
	if err := seesHost(init, systemdPoints, errAnswersHost); err != nil {
		return err
	}
	degraded := false
	err = commands.again(ctx, systemdWait, func(ctx context.Context) error {
		said, err := runWhole(ctx, program, c.attach([]string{"systemctl", "is-system-running", "--wait"})...)
		state := systemdState(said)
		degraded = state == "degraded"
		switch {
		case state == "running" || degraded:
			return nil
		case state != "":
			return fmt.Errorf("its systemd is %s", state)
		case ctx.Err() != nil:
			return errors.New("its systemd is still starting")
		}
		return fmt.Errorf("systemctl inside failed: %w: %s", err, firstLine(said))
	})
	if err == nil && degraded {
		err = &guest.Flaw{Err: fmt.Errorf("its systemd is degraded: units failed; see: guestrc exec %s systemctl --failed", c.Name)}
	}
	return err
}

// systemdState finds the state in what systemctl said.
func systemdState(said string) string {
	for line := range strings.Lines(said) {
		if state := strings.TrimSpace(line); slices.Contains(systemdStates, state) {
			return state
		}
	}
	return ""
}

// OpenRC's own files (src/openrc/rc.c): the runlevel that was entered last, and
// a directory that is there while its services are started.
const (
	openrcLevel    = "/run/openrc/softlevel"
	openrcStarting = "/run/openrc/rc.starting"
)

// openrcBoot are the runlevels before and after those of ordinary work.
var openrcBoot = []string{"", "sysinit", "boot", "single", "shutdown"}

// openrcLooks: /run may be mounted anew while OpenRC boots, so there is no
// directory to be told of; a look is two calls of the kernel.
var openrcLooks = pauses{20 * time.Millisecond, 200 * time.Millisecond}

// openrcReady looks at OpenRC's files until the services of a runlevel after
// boot were started.
func openrcReady(ctx context.Context, init *pidfile.Process) error {
	if err := answersForHost(init); err != nil {
		return err
	}
	if err := seesHost(init, []string{"/run", "/run/openrc", openrcLevel}, errAnswersHost); err != nil {
		return err
	}
	// OpenRC writes the runlevel some moments before it makes the directory, so
	// that it has to be over twice in a row.
	over := 0
	return openrcLooks.again(ctx, tryTime, func(context.Context) error {
		err := openrcOver(init)
		if over++; err != nil {
			over = 0
		} else if over < 2 {
			err = errors.New("its OpenRC has only just entered a runlevel")
		}
		return err
	})
}

func openrcOver(init *pidfile.Process) error {
	root, err := pid1.RootOf(init)
	if err != nil {
		return err
	}
	defer root.Close()
	text, err := root.ReadFile(openrcLevel, 256)
	if err != nil {
		return fmt.Errorf("cannot see the runlevel of its OpenRC: %w", err)
	}
	level := strings.TrimSpace(string(text))
	if slices.Contains(openrcBoot, level) {
		return fmt.Errorf("its OpenRC is in runlevel %q", level)
	}
	starting, err := root.Exists(openrcStarting)
	if err == nil && starting {
		err = fmt.Errorf("its OpenRC still starts runlevel %q", level)
	}
	return err
}
