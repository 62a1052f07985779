package rootfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/tests/lab"
)

const (
	toolTime = 30 * time.Second // for one of LXC's programs; they take milliseconds
	bootTime = 60 * time.Second // the slowest takes a second on an idle host
	stopTime = 60 * time.Second // openrc-init takes three
)

// ownSysfs shows the links of the network namespace that it runs in, and runs
// a command. LXC looks in /sys/class/net whether a bridge exists, and a sysfs
// shows the network namespace that it was mounted in.
const ownSysfs = `mount -t sysfs sysfs /mnt; mount --bind /mnt/class /sys/class; mount --bind /mnt/devices /sys/devices; umount /mnt; exec "$@"`

// Env is the environment for LXC's programs.
func (c *Container) Env() []string {
	env := append(os.Environ(), "LC_ALL=C")
	if c.path != "" {
		env = append(env, "PATH="+c.path)
	}
	return env
}

// LXC runs one of LXC's programs on the container: lxc-stop, lxc-info and so
// on. The output has both streams.
func (c *Container) LXC(t T, program string, args ...string) (output string, err error) {
	t.Helper()
	// A file: what lxc-start leaves running would keep a pipe open.
	f, err := os.CreateTemp(c.top, "output-")
	if err != nil {
		return "", err
	}
	defer f.Close()
	// Not the test's context: a cleanup may want this.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), toolTime)
	defer cancel()
	argv := append([]string{program, "-P", c.LXCPath, "-n", c.Name}, args...)
	if c.Veth != "" {
		argv = append([]string{"unshare", "--mount", "sh", "-euc", ownSysfs, "sh"}, argv...)
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = c.Env(), f, f
	err = lab.Start(t, cmd).Wait(ctx)
	text, errRead := os.ReadFile(f.Name())
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, strings.TrimSpace(string(text)))
	}
	return string(text), errors.Join(err, errRead)
}

// Start starts the container by lxc-start and waits until it is up.
func (c *Container) Start(t T) {
	t.Helper()
	if _, err := c.LXC(t, "lxc-start", "-f", c.Config, "-d", "-o", c.logFile(), "-l", "INFO"); err != nil {
		t.Fatalf("%v\n%s", err, c.Console())
	}
	ctx, cancel := context.WithTimeout(t.Context(), bootTime)
	defer cancel()
	if _, err := c.Up(ctx); err != nil {
		t.Fatalf("%v\n%s", err, c.Console())
	}
}

// Monitor returns the container's monitor, of whoever started it. The caller
// closes it.
func (c *Container) Monitor() (*pidfile.Process, error) {
	held, err := hold(of(c.Name, monitor))
	title := "[lxc monitor] " + c.LXCPath + " " + c.Name
	var found *pidfile.Process
	for _, p := range held {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.Pid())) // of a process that has ended it is empty
		if found == nil && strings.TrimRight(string(text), "\x00") == title {
			found = p
			continue
		}
		p.Close()
	}
	if found == nil {
		return nil, errors.Join(fmt.Errorf("cannot find the monitor of %s: none of %d processes", c.Name, len(held)), err)
	}
	return found, nil
}

// Process returns the container's first process. The caller closes it.
func (c *Container) Process() (*pidfile.Process, error) {
	m, err := c.Monitor()
	if err != nil {
		return nil, err
	}
	defer m.Close()
	children, err := childrenOf(m.Pid())
	if err != nil {
		return nil, err
	}
	if len(children) != 1 {
		return nil, fmt.Errorf("cannot tell the first process of %s among %v", c.Name, children)
	}
	p, err := pidfile.Capture(children[0])
	if err != nil {
		return nil, err
	}
	if again, err := childrenOf(m.Pid()); err != nil || m.Ended() || !slices.Equal(again, children) {
		return nil, errors.Join(fmt.Errorf("cannot hold the first process of %s: it ended meanwhile", c.Name), err, p.Close())
	}
	return p, nil
}

func childrenOf(pid int) (pids []int, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, field := range strings.Fields(string(text)) {
		if child, err := strconv.Atoi(field); err == nil {
			pids = append(pids, child)
		}
	}
	return pids, err
}
