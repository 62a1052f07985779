package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// join executes a command in other cgroups. Outside of the machine's ones it
// would be nowhere, as the machine sees it.
const join = `while read -r cgroup; do echo 0 > "$cgroup/cgroup.procs"; done < "$1"; shift; exec "$@"`

// Command is a command in all of the machine's namespaces, with a plain
// environment. When ctx ends it is killed with what it started, as far as that
// has stayed in its process group. Use Start to start it.
func (m *Machine) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	argv := make([]string, 0, 10+len(args))
	// By the numbers that they have here, so that the command does not inherit them.
	here := fmt.Sprintf("/proc/%d/fd/", os.Getpid())
	for i, n := range nsFlags {
		argv = append(argv, fmt.Sprintf("--%s=%s%d", n.option, here, m.ns[i].Fd()))
	}
	argv = append(argv, fmt.Sprintf("--root=%s%d", here, m.root.Fd()), fmt.Sprintf("--wd=%s%d", here, m.root.Fd()), "--", name)
	argv = append(argv, args...)
	program := "nsenter"
	if m.joins {
		program, argv = "sh", append([]string{"-c", join, "sh", filepath.Join(m.dir, "cgroups"), program}, argv...)
	}
	cmd := exec.CommandContext(ctx, program, argv...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C", "TERM=dumb"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		err := unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
		if errors.Is(err, unix.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
	return cmd
}

// Run runs a command to its end and returns what it said and its exit status;
// -1, with the reason at the end of stderr, when it did not end by itself.
// Services that it starts and that keep its output open do not delay it.
func (m *Machine) Run(ctx context.Context, name string, args ...string) (stdout, stderr string, code int) {
	m.t.Helper()
	files := make([]*os.File, 2)
	for i := range files {
		f, err := os.CreateTemp(m.dir, "output-")
		if err != nil {
			m.t.Fatalf("cannot run %s: %v", name, err)
		}
		defer f.Close()
		defer os.Remove(f.Name())
		files[i] = f
	}
	cmd := m.Command(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = files[0], files[1]
	p, err := start(cmd)
	if err == nil {
		<-p.Done() // ctx kills it
		err = p.err
	}
	stdout, stderr = content(files[0]), content(files[1])
	var exit *exec.ExitError
	switch {
	case err == nil:
		return stdout, stderr, 0
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		return stdout, stderr, exit.ExitCode()
	case ctx.Err() != nil:
		err = ctx.Err()
	}
	return stdout, stderr + fmt.Sprintf("cannot run %s: %v\n", name, err), -1
}

// Must is Run for what has to succeed; it returns the standard output.
func (m *Machine) Must(ctx context.Context, name string, args ...string) string {
	m.t.Helper()
	stdout, stderr, code := m.Run(ctx, name, args...)
	if code != 0 {
		m.t.Fatalf("%s %s: exit status %d\n%s%s", name, strings.Join(args, " "), code, stdout, stderr)
	}
	return stdout
}

// Wait waits until the machine has ended, and says how: "exit status 0", or
// "signal: interrupt" (powered off) and "signal: hangup" (rebooted), which is
// what reboot(2) makes of the first process of a process namespace.
func (m *Machine) Wait(ctx context.Context) (how string, err error) {
	err = m.proc.Wait(ctx)
	var exit *exec.ExitError
	if err == nil || errors.As(err, &exit) {
		return m.proc.cmd.ProcessState.String(), nil
	}
	return "", err
}

func content(f *os.File) string {
	b, err := os.ReadFile(filepath.Clean(f.Name()))
	if err != nil {
		return err.Error()
	}
	return string(b)
}
