package lxc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pid1"
	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/shutdown"
)

// exec runs the guest's own shutdown command inside, in all of its namespaces,
// or refuses. It is lxc-attach that enters: nothing of ours runs inside, where
// it could be replaced or traced (CVE-2019-5736, CVE-2016-8649).
func (t *target) exec(ctx context.Context, note func(string)) error {
	init, err := t.holdInit(ctx)
	if errors.Is(err, errNoInit) {
		return nil
	}
	if err != nil {
		return err
	}
	argv := t.c.Stop.Exec
	if len(argv) == 0 {
		kind, err := pid1.Look(init)
		if err != nil {
			return err
		}
		if argv = kind.Command(); len(argv) == 0 {
			return fmt.Errorf("%w: PID 1 is %s, which has no shutdown command", shutdown.ErrAbsent, kind.Kind)
		}
	}
	if err := reachesHost(init); err != nil {
		return fmt.Errorf("%w: %w", shutdown.ErrAbsent, err)
	}
	program, err := findProgram(attachProgram)
	if err != nil {
		return err
	}
	note("ran " + strings.Join(argv, " "))
	attended := make(chan error, 1)
	quiet := func(string) {} // note belongs to this goroutine
	go func() { attended <- t.attend(ctx, init, quiet) }()
	said, err := run(ctx, baseEnv(), program, t.c.attach(argv)...)
	if err != nil && ctx.Err() == nil && !init.Ended() {
		return fmt.Errorf("%s inside failed: %w: %s", argv[0], err, firstLine(said))
	}
	return <-attended
}

// attach is what lxc-attach is told to run argv.
func (c *Container) attach(argv []string) []string {
	args := []string{"-P", c.LXCPath, "-n", c.instance(), "--clear-env", "--keep-var", "TERM"}
	if len(argv) > 0 {
		args = append(append(args, "--"), argv...)
	}
	return args
}

// namespaces that a command inside must not share with the host, and what it
// could reach through each.
var namespaces = []struct{ name, danger string }{
	{"pid", "the host's processes"},
	{"net", "the host's init, through its abstract sockets"},
	{"mnt", "the host's files"},
	{"ipc", "the host's message queues"},
	{"uts", "the host's name"},
}

// errReaches marks why a command inside could reach the host.
var errReaches = errors.New("a shutdown inside could reach the host")

// reachesHost says whether a command in the namespaces of init could shut down
// the host: a namespace that is the host's, or a socket or FIFO of the host's
// init that is visible inside.
func reachesHost(init *pidfile.Process) error {
	for _, ns := range namespaces {
		same, err := sameNamespace(init.Pid(), ns.name)
		if err != nil {
			return fmt.Errorf("cannot compare namespaces: %w", err)
		}
		if same {
			return fmt.Errorf("%w: it shares the %s namespace, and with it %s", errReaches, ns.name, ns.danger)
		}
	}
	return seesHost(init, controlPoints, errReaches)
}

// seesHost returns an error that wraps danger when one of the host's paths is
// visible inside under one of these names.
func seesHost(init *pidfile.Process, paths []string, danger error) error {
	root, err := pid1.RootOf(init)
	if err != nil {
		return err
	}
	defer root.Close()
	host := append(slices.Clone(paths), above(hostRoot, paths)...)
	for _, path := range paths {
		seen, err := root.SameFile(path, host)
		if err != nil {
			return err
		}
		if seen != "" {
			return fmt.Errorf("%w: the host's %s is visible inside as %s", danger, strings.TrimPrefix(seen, hostRoot), path)
		}
	}
	return nil
}

// hostRoot is what the host's init sees, wherever we are.
const hostRoot = "/proc/1/root"

// above puts dir before paths.
func above(dir string, paths []string) []string {
	var all []string
	for _, path := range paths {
		all = append(all, dir+path)
	}
	return all
}

// controlPoints are where inits listen for commands (man pages of systemd,
// sysvinit, openrc-init, runit, dinit, s6-linux-init), and their directories.
var controlPoints = []string{
	"/run", "/dev", "/run/initctl", "/dev/initctl", "/run/systemd", "/run/systemd/private", "/run/dbus", "/run/dbus/system_bus_socket",
	"/run/openrc", "/run/openrc/init.ctl", "/run/runit", "/etc/runit", "/run/dinitctl", "/run/service", "/run/s6-linux-init-container-results",
	"/run/finit", "/run/finit/socket", "/proc/sysrq-trigger",
	"/var/run", "/var/run/initctl", "/var/run/systemd/private", "/var/run/dbus", "/var/run/dbus/system_bus_socket",
}

// sameNamespace compares with where we are, and with where the host's init is.
func sameNamespace(pid int, name string) (bool, error) {
	theirs, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/ns/" + name)
	if err != nil {
		return false, err
	}
	for _, whose := range []string{"self", "1"} {
		ours, err := os.Readlink("/proc/" + whose + "/ns/" + name)
		if errors.Is(err, fs.ErrPermission) && whose == "1" {
			continue // we are in a container ourselves, and PID 1 is not ours to look at
		}
		if err != nil || ours == theirs {
			return err == nil, err
		}
	}
	return false, nil
}

// Enter is lxc-attach. Without force it refuses where a shutdown inside could
// reach the host: the command is the caller's, and may be just that.
func (c *Container) Enter(ctx context.Context, p *pidfile.Process, argv []string, force bool) ([]string, error) {
	init, err := c.init(ctx, p)
	if err != nil {
		return nil, err
	}
	defer init.Close()
	if slices.ContainsFunc(c.payload(init), frozen) {
		return nil, &guest.Error{Status: guest.StatusFailed, Msg: "cannot run a command in " + c.Name.String() + ": it is frozen",
			Hint: "guestrc thaw " + c.Name.String()}
	}
	err = reachesHost(init)
	if init.Ended() {
		return nil, errNoInit
	}
	if err != nil && !force {
		return nil, &guest.Error{Status: guest.StatusRefused, Msg: "cannot run a command in " + c.Name.String(), Err: err,
			Hint: "guestrc exec --force runs it nevertheless"}
	}
	program, err := findProgram(attachProgram)
	if err != nil {
		return nil, err
	}
	return append([]string{program}, c.attach(argv)...), nil
}

// Console is lxc-console on /dev/console.
func (c *Container) Console(ctx context.Context, p *pidfile.Process) ([]string, error) {
	if _, err := c.ask(ctx, p); err != nil {
		return nil, err
	}
	program, err := findProgram(consoleProgram)
	if err != nil {
		return nil, err
	}
	return []string{program, "-P", c.LXCPath, "-n", c.instance(), "-t", "0"}, nil
}
