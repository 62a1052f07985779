package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/lxc"
	"github.com/guestrc/guestrc/qemu"
	"github.com/guestrc/guestrc/units"
)

// env is the world that a verb sees.
type env struct {
	self   string // what the program was called as
	stdin  io.Reader
	stdout io.Writer
	getenv func(string) string
	now    func() time.Time

	out    *speaker
	notify units.Notifier
	root   string
	house  *guest.House
	verb   *verb          // that runs
	flags  *pflag.FlagSet // of the verb
}

func newEnv(self string, stdin io.Reader, stdout, stderr io.Writer, getenv func(string) string) *env {
	return &env{
		self: self, stdin: stdin, stdout: stdout, getenv: getenv, now: time.Now,
		out:    newSpeaker(stdout, stderr, getenv),
		notify: units.NewNotifier(getenv),
	}
}

// run finds the verb and runs it. A symlink KIND.NAME to the program is an LSB
// init script of that guest: "qemu.db start" is "guestrc start qemu.db".
func (e *env) run(ctx context.Context, args []string) error {
	if filepath.Base(e.self) == generatorName {
		return e.runGenerator(args)
	}
	if name, err := guest.ParseName(filepath.Base(e.self)); err == nil && isService(name.Kind) {
		return e.runScript(ctx, name, args)
	}
	global := pflag.NewFlagSet("guestrc", pflag.ContinueOnError)
	global.SetInterspersed(false)
	global.SetOutput(io.Discard)
	root := global.String("root", e.getenv("GUESTRC_ROOT"), "")
	help := global.BoolP("help", "h", false, "")
	version := global.BoolP("version", "V", false, "")
	if err := global.Parse(args); err != nil {
		return usage("cannot read the command line: "+err.Error(), "guestrc help")
	}
	e.enter(*root)
	args = global.Args()
	switch {
	case *version:
		args = []string{"version"}
	case *help || len(args) == 0:
		args = append([]string{"help"}, args...)
	}
	return e.runVerb(ctx, args[0], args[1:])
}

// enter sets the root that every path hangs off.
func (e *env) enter(root string) {
	if root == "" {
		root = "/"
	}
	if abs, err := filepath.Abs(root); err == nil {
		root = abs
	}
	e.root = root
	e.house = &guest.House{Layout: guest.Layout{Root: root}, Kinds: kinds(), Now: e.now}
}

func (e *env) runVerb(ctx context.Context, name string, args []string) error {
	v := findVerb(name)
	if v == nil {
		return usage(fmt.Sprintf("cannot run %q: there is no such verb", name), "guestrc help")
	}
	return e.runWith(ctx, v, args)
}

func (e *env) runWith(ctx context.Context, v *verb, args []string) error {
	name := v.name
	e.verb = v
	e.flags = pflag.NewFlagSet(name, pflag.ContinueOnError)
	e.flags.SetOutput(io.Discard)
	v.declare(e.flags)
	if v.dashed {
		args = withSignal(args)
	}
	if err := e.flags.Parse(args); err != nil {
		if err == pflag.ErrHelp {
			return help(ctx, e, []string{name})
		}
		return usage(fmt.Sprintf("cannot run %s: %v", name, err), "guestrc help "+name)
	}
	if e.flags.Lookup("root") != nil && e.flags.Changed("root") {
		root, _ := e.flags.GetString("root")
		e.enter(root)
	}
	args = e.flags.Args()
	if n := len(args); n < v.min || v.max >= 0 && n > v.max {
		return usage(fmt.Sprintf("cannot run %s: it takes %s", name, cmp.Or(v.args, "no operands")), "guestrc help "+name)
	}
	return v.run(ctx, e, args)
}

// runScript is the LSB form (LSB 5.0, "Init Script Actions").
func (e *env) runScript(ctx context.Context, name guest.Name, args []string) error {
	e.enter(e.getenv("GUESTRC_ROOT"))
	hint := fmt.Sprintf("%s %s", name, strings.ReplaceAll(verbNames(func(v verb) bool { return v.guests }), " ", "|"))
	if len(args) == 0 {
		return usage(fmt.Sprintf("cannot run %s: say what to do", name), hint)
	}
	switch action := args[0]; action {
	case "reload":
		return &guest.Error{Status: guest.StatusUnimplemented, Msg: fmt.Sprintf("cannot reload %s: a guest has nothing to reload", name),
			Hint: "restart it"}
	case "force-reload":
		return e.runVerb(ctx, "restart", []string{name.String()})
	case "try-restart", "condrestart":
		return e.tryRestart(ctx, name)
	default:
		v := findVerb(action)
		if v == nil || !v.guests {
			return usage(fmt.Sprintf("cannot run %s %q: there is no such action", name, action), hint)
		}
		if v.rest {
			return e.runWith(ctx, v, append([]string{name.String()}, args[1:]...))
		}
		v.max = 1 // this guest, and no others
		return e.runWith(ctx, v, append(args[1:], name.String()))
	}
}

// tryRestart restarts name if it runs.
func (e *env) tryRestart(ctx context.Context, name guest.Name) error {
	st, err := e.house.Status(ctx, name, false)
	switch {
	case err != nil:
		return err
	case st.Code == guest.StateUnknown:
		return &guest.Error{Status: guest.StatusRefused, Msg: fmt.Sprintf("cannot restart %s: %s", name, st.Message)}
	case st.Code != guest.StateRunning:
		return nil
	}
	return e.runVerb(ctx, "restart", []string{name.String()})
}

// kinds are the sorts of guests that this program knows.
func kinds() []guest.Kind { return []guest.Kind{lxc.Kind{}, qemu.Kind{}} }

func isKind(name string) bool { return kindNamed(name) != nil }

func kindNamed(name string) guest.Kind {
	for _, k := range kinds() {
		if k.Name() == name {
			return k
		}
	}
	return nil
}

func kindNames(separator string) string {
	var names []string
	for _, k := range kinds() {
		names = append(names, k.Name())
	}
	return strings.Join(names, separator)
}

func usage(msg, hint string) error {
	return &guest.Error{Status: guest.StatusUsage, Msg: msg, Hint: hint}
}
