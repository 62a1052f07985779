package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/history"
	"github.com/guestrc/guestrc/units"
)

// keeper is the init system that starts a guest again when that ends without
// having been told to. A verb that is called by hand tells it, or asks it.
type keeper struct {
	e    *env
	name guest.Name
	init string
	says guest.Service
}

// keeperOf finds the keeper of n, nil when nobody is, or when it is the keeper
// who calls.
func (e *env) keeperOf(n guest.Name) *keeper {
	if e.root != "/" || e.calledBy(n) {
		return nil
	}
	s, err := e.systems()
	if err != nil {
		return nil
	}
	defer s.tree.Close()
	says, _ := e.house.Service(n) // what a faulty file still says
	k := &keeper{e, n, "", says}
	switch {
	case s.openrc.Running():
		link, err := s.openrc.Look(n.String())
		if err == nil && link.Ours && (k.wanted() || k.supervised()) {
			k.init = openrcName
		}
	case s.systemd.Running() && s.systemd.HasTemplate(n.Kind) && (k.wanted() || s.respawns(n)):
		k.init = systemdName
	}
	if k.init == "" {
		return nil
	}
	return k
}

// respawns tells whether systemd was told to start n again: the files may have
// been edited since, and the generator has not run.
func (s *systems) respawns(n guest.Name) bool {
	dropin, _, err := s.tree.ReadFile("/run/systemd/generator/" + units.Name(n.Kind, n.Instance) + ".d/50-guestrc.conf")
	return err == nil && strings.Contains(string(dropin), "\nRestart=")
}

func (k *keeper) wanted() bool {
	return k.says.Respawn == guest.RespawnOnCrash || k.says.Respawn == guest.RespawnAlways
}

// calledBy tells whether we are a part of n's own service: OpenRC says which one
// runs us (openrc-run(8)), and of systemd's we are in its control group.
func (e *env) calledBy(n guest.Name) bool {
	if e.getenv("RC_SVCNAME") == n.String() {
		return true
	}
	groups, err := os.ReadFile("/proc/self/cgroup")
	return err == nil && slices.Contains(strings.FieldsFunc(string(groups), func(r rune) bool { return r == '/' || r == '\n' }), units.Name(n.Kind, n.Instance))
}

// supervisorFile holds the number of the supervise-daemon of n's service.
func supervisorFile(l guest.Layout, n guest.Name) string {
	return filepath.Join(l.RunDir(n), "supervisor")
}

// supervised tells whether the guest's service has a supervisor that lives.
func (k *keeper) supervised() bool {
	number, err := os.ReadFile(supervisorFile(k.e.house.Layout, k.name))
	pid, errPid := strconv.Atoi(strings.TrimSpace(string(number)))
	return err == nil && errPid == nil && superviseDaemon(pid)
}

// superviseDaemon tells whether a process is OpenRC's, by its name, of which the
// kernel keeps 15 bytes.
func superviseDaemon(pid int) bool {
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return err == nil && strings.TrimSpace(string(comm)) == "supervise-daemo"
}

// keeperSlack is what an init system may take on top of what the guest does.
const keeperSlack = 30 * time.Second

// run has the init system do something that takes as long as its guest needs.
func (k *keeper) run(ctx context.Context, takes time.Duration, argv ...string) error {
	return runProgramFor(ctx, min(takes, 24*time.Hour)+keeperSlack, argv...)
}

// start starts the guest's service.
func (k *keeper) start(ctx context.Context) error { return k.act(ctx, "start", k.says.Start) }

// restart restarts the guest's service.
func (k *keeper) restart(ctx context.Context) error {
	return k.act(ctx, "restart", min(k.says.Start, 24*time.Hour)+min(k.says.Stop, 24*time.Hour))
}

func (k *keeper) act(ctx context.Context, verb string, takes time.Duration) error {
	// What is wrong with the files is better said here than in a log; the host
	// looks different to a service.
	if _, err := k.e.house.Configure(ctx, k.name, &progress{e: k.e, name: k.name}); err != nil {
		return err
	}
	unit := units.Name(k.name.Kind, k.name.Instance)
	began := k.e.now()
	argv, hint := []string{"systemctl", verb, unit}, "journalctl -u "+unit
	if k.init == openrcName {
		argv, hint = []string{"rc-service", k.name.String(), verb}, ""
		// OpenRC does not see by itself that a guest is gone, and would start
		// nothing; the guest's status tells it.
		_ = k.run(ctx, 0, "rc-service", k.name.String(), "status")
	}
	k.e.out.info(fmt.Sprintf("%s is kept up by %s: %s", k.name, k.init, strings.Join(argv, " ")))
	if err := k.run(ctx, takes, argv...); err != nil {
		return &guest.Error{Status: guest.StatusFailed, Msg: fmt.Sprintf("cannot %s %s", verb, k.name), Err: err, Hint: hint}
	}
	st, err := k.e.house.Status(ctx, k.name, false)
	if err != nil {
		return err
	}
	k.e.out.info(fmt.Sprintf("%s is %s after %s (pid %d)", k.name, st.State, seconds(k.e.now().Sub(began)), st.PID))
	return nil
}

// letGo has the keeper of n, if there is one, leave it down: asking is called
// once before the guest is asked to end, and finish once it is down, as it may
// have ended before. Nothing needs to be said as the host goes down.
func (e *env) letGo(ctx context.Context, n guest.Name, warn func(error)) (asking func(), finish func() error) {
	asking, finish = func() {}, func() error { return nil }
	if o := e.house.Occasion; o != nil && o.What == history.HostShutdown {
		return asking, finish
	}
	k := e.keeperOf(n)
	if k == nil {
		return asking, finish
	}
	return k.letGo(ctx, warn)
}

// letGo is for a guest that has a keeper. Of a stop that is called off once the
// guest was asked, nobody waits for the rest: systemd was told, and OpenRC's
// supervisor sees that it ends as it was told to.
func (k *keeper) letGo(ctx context.Context, warn func(error)) (asking func(), finish func() error) {
	asked, called := false, ctx
	ctx = context.WithoutCancel(ctx)
	if k.init == openrcName {
		return func() { asked = true }, func() error {
			if asked && called.Err() != nil || !k.supervised() {
				return nil
			}
			return k.run(ctx, 0, superviseStop(k.e.house.Layout, k.name)...)
		}
	}
	unit := units.Name(k.name.Kind, k.name.Instance)
	asking = func() {
		asked = true
		if err := k.run(ctx, 0, "systemctl", "stop", "--no-block", unit); err != nil {
			warn(fmt.Errorf("cannot have systemd leave %s down: %w", k.name, err))
		}
	}
	// The unit's own stop finds nothing to do.
	return asking, func() error {
		if asked && called.Err() != nil {
			return nil
		}
		return k.run(ctx, k.says.Stop, "systemctl", "stop", unit)
	}
}

// superviseStop ends the supervise-daemon of n's service, and marks that as
// stopped. The program wants the service's name in its environment.
func superviseStop(l guest.Layout, n guest.Name) []string {
	return []string{"env", "RC_SVCNAME=" + n.String(), "supervise-daemon", n.String(), "--stop", "--pidfile", supervisorFile(l, n)}
}

// kept starts n by its keeper, where it has one and does not run.
func (e *env) kept(ctx context.Context, n guest.Name) (done bool, err error) {
	k := e.keeperOf(n)
	if k == nil {
		return false, nil
	}
	st, err := e.house.Status(ctx, n, false)
	if err != nil || st.Code == guest.StateRunning {
		return false, nil // the start will say so
	}
	return true, k.start(ctx)
}

// hopeless tells of a failed start that the next one would fail for the same
// reason, by its exit status; the units have the same list.
func hopeless(err error) bool {
	return slices.Contains(units.Hopeless(), guest.ExitStatus(err)) && !errors.Is(err, context.Canceled)
}
