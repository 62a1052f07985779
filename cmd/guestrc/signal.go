package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/daemon"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/shutdown"
)

var (
	daemonExec   = flag{name: "exec", short: "x", value: "PATH", help: "only what runs this program, or this script"}
	daemonUser   = flag{name: "user", short: "u", value: "USER", help: "only what runs as this user"}
	daemonRetry  = flag{name: "retry", short: "R", value: "SCHEDULE", help: "such as TERM/20/KILL/5: go on until it has ended"}
	daemonSignal = flag{name: "signal", short: "s", value: "SIGNAL", help: "a name or a number; TERM if not given, 0 only tells"}
	daemonOknodo = flag{name: "oknodo", short: "o", help: "status 0 if it does not run"}
	daemonReload = flag{name: "reload", help: "HUP, and only to what has a handler for it"}
	daemonDry    = flag{name: "dry-run", help: "tell what would be signalled, and why"}
)

// order is what is to be done to daemons, whoever they are.
type order struct {
	want   daemon.Want
	sig    unix.Signal // 0: only tell whether it runs
	retry  shutdown.Schedule
	reload bool
	dry    bool
}

// signalDaemon signals the process that a pidfile names.
func signalDaemon(ctx context.Context, e *env, args []string) error {
	path, _ := e.flags.GetString("pidfile")
	if path == "" {
		return e.misused("say which pidfile: --pidfile FILE")
	}
	if len(args) > 0 && e.flags.Changed("signal") {
		return e.misused("one signal is enough")
	}
	text, _ := e.flags.GetString("signal")
	o, err := e.order(strings.Join(args, "")+text, len(args) > 0 || e.flags.Changed("signal"))
	if err != nil {
		return err
	}
	found, err := daemon.ByPidfile(path, o.want)
	if err != nil {
		return e.oknodo(err)
	}
	g := daemon.NewGroup([]daemon.Found{found}, nil)
	defer g.Close()
	return e.oknodo(e.carryOut(ctx, g, o))
}

// oknodo takes what does not run for done, where that is asked for.
func (e *env) oknodo(err error) error {
	if on, _ := e.flags.GetBool("oknodo"); on && err != nil && guest.ExitStatus(err) == guest.StatusNotRunning {
		e.out.info(line(err.Error()))
		return nil
	}
	return err
}

// withSignal makes --signal of what kill(1) and killall(1) take: -9, -HUP.
func withSignal(args []string) []string {
	args = slices.Clone(args)
	for i, arg := range args {
		name, dash := strings.CutPrefix(arg, "-")
		if arg == "--" {
			break
		}
		if _, err := daemon.ParseSignal(name); dash && err == nil && name == strings.ToUpper(name) {
			args[i] = "--signal=" + name
		}
	}
	return args
}

func (e *env) misused(why string) error {
	return usage(fmt.Sprintf("cannot run %s: %s", e.verb.name, why), "guestrc help "+e.verb.name)
}

// order reads the flags that signal and killall have in common; text is the
// signal, if one is given.
func (e *env) order(text string, given bool) (o order, err error) {
	if o.want, err = e.wanted(); err != nil {
		return o, err
	}
	o.reload, _ = e.flags.GetBool("reload")
	o.dry, _ = e.flags.GetBool("dry-run")
	o.sig = unix.SIGTERM
	if o.reload {
		o.sig = unix.SIGHUP
	}
	if given {
		if o.sig, err = daemon.ParseSignal(text); err != nil {
			return o, usage(err.Error(), "a name such as HUP, a number, or 0 to tell whether it runs")
		}
	}
	if o.reload && (o.sig == 0 || o.sig == unix.SIGKILL || o.sig == unix.SIGSTOP) {
		return o, e.misused("nothing reloads by signal " + daemon.SignalName(o.sig))
	}
	retry, _ := e.flags.GetString("retry")
	if !e.flags.Changed("retry") {
		return o, nil
	}
	switch {
	case o.reload:
		return o, e.misused("what is to reload does not end: --reload and --retry exclude each other")
	case given && !daemon.IsSeconds(retry):
		return o, e.misused("the signals are in the schedule: give it, or a signal")
	case o.sig == 0:
		return o, e.misused("signal 0 ends nothing")
	}
	if o.retry, err = daemon.ParseSchedule(retry, o.sig); err != nil {
		err = &guest.Error{Status: guest.StatusUsage, Msg: "cannot run " + e.verb.name, Err: err}
	}
	return o, err
}

// wanted reads what is to hold of the processes.
func (e *env) wanted() (w daemon.Want, err error) {
	w.Exe, _ = e.flags.GetString("exec")
	if e.flags.Changed("exec") && !filepath.IsAbs(w.Exe) {
		return w, e.misused(fmt.Sprintf("--exec takes an absolute path, not %q", w.Exe))
	}
	name, _ := e.flags.GetString("user")
	if !e.flags.Changed("user") {
		return w, nil
	}
	id := name
	if u, err := user.Lookup(name); err == nil {
		id = u.Uid
	}
	uid, err := strconv.ParseUint(id, 10, 32)
	if err != nil {
		return w, e.misused(fmt.Sprintf("there is no user %q", name))
	}
	w.User = new(int(uid))
	return w, nil
}

// carryOut does what is ordered to a group that was found.
func (e *env) carryOut(ctx context.Context, g *daemon.Group, o order) error {
	if o.reload {
		if err := g.Hears(o.sig); err != nil {
			return err
		}
	}
	switch {
	case o.dry:
		return e.foretell(g, o)
	case o.retry != nil:
		return e.endAll(ctx, g, o.retry)
	}
	told, grows, err := g.Signal(o.sig)
	for _, f := range told {
		if o.sig == 0 {
			e.out.info(line(fmt.Sprintf("%s runs: %s", f, strings.Join(f.Why, "; "))))
		} else {
			e.out.info(line(fmt.Sprintf("sent %s to %s", daemon.SignalName(o.sig), f)))
		}
	}
	if grows {
		e.out.warn(errors.New("more of them keep coming: something starts them anew"))
	}
	if o.sig != 0 && o.sig != unix.SIGKILL && o.sig != unix.SIGCONT && o.sig != unix.SIGSTOP {
		for _, f := range g.Stopped() {
			e.out.warn(&guest.Error{Msg: fmt.Sprintf("%s is stopped, and acts on the signal when it goes on", f), Hint: "send it CONT"})
		}
	}
	return reached(g, told, err)
}

// reached is err, or that nobody was there any more.
func reached(g *daemon.Group, told []daemon.Found, err error) error {
	if err == nil && len(told) == 0 {
		err = &guest.Error{Status: guest.StatusNotRunning, Msg: fmt.Sprintf("cannot signal %s: it has just ended", listed(g.All()))}
	}
	return err
}

// foretell does what --dry-run does. Signal 0 asks whether it is permitted.
func (e *env) foretell(g *daemon.Group, o order) error {
	told, _, err := g.Signal(0)
	if len(told) > 0 {
		err = errors.Join(e.printLines(foretold(told, o)), err)
	}
	return reached(g, told, err)
}

func foretold(told []daemon.Found, o order) (lines []string) {
	would := "would send " + daemon.SignalName(o.sig) + " to"
	switch {
	case o.retry != nil:
		would = "would end by " + o.retry.String()
	case o.sig == 0:
		would = "runs:"
	}
	for _, f := range told {
		lines = append(lines, line(fmt.Sprintf("%s %s: %s", would, f, strings.Join(f.Why, "; "))))
	}
	return lines
}

func listed(all []daemon.Found) string {
	var names []string
	for _, f := range all {
		names = append(names, f.String())
	}
	return cmp.Or(strings.Join(names, ", "), "it")
}

// endAll climbs the schedule, and is content only when all have ended.
func (e *env) endAll(ctx context.Context, g *daemon.Group, s shutdown.Schedule) error {
	if _, _, err := g.Signal(0); err != nil { // what is not permitted need not be tried for long
		return err
	}
	record, err := g.End(ctx, s, nil)
	who := line(listed(g.All()))
	switch {
	case err != nil:
		return fmt.Errorf("cannot end %s: %w", who, err)
	case !record.Down:
		hint := "what KILL does not end waits in the kernel, for a disk or a file server (ps -o stat,wchan)"
		if !slices.ContainsFunc(s, func(step shutdown.Step) bool { return step.Verb == "KILL" }) {
			hint = "--retry " + s.String() + "/KILL/5 ends what ignores that"
		}
		return &guest.Error{Status: guest.StatusFailed, Msg: fmt.Sprintf("cannot end %s: %s", who, record), Hint: hint}
	case record.Forced:
		e.out.warn(fmt.Errorf("%s: %s", who, record))
	case len(record.Rungs) > 1:
		e.out.info(fmt.Sprintf("%s: %s, after %s", who, record, s[0].Verb))
	default:
		e.out.info(fmt.Sprintf("%s: %s", who, record))
	}
	return nil
}
