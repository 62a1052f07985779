package lab

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/guestrc/guestrc/tests/need"
)

// Systemd starts a machine that the host's systemd boots as PID 1, in
// systemd-nspawn. Nothing starts but what systemd needs itself.
func Systemd(t T, options ...Option) *Machine {
	t.Helper()
	need.Root(t)
	need.Programs(t, "systemd-nspawn", "/lib/systemd/systemd")
	return boot(t, spec{
		init:    "systemd",
		cgroups: cgroups(t, hierarchies(t)),
		leader:  onlyChild,
		listen:  listenNotify,
	}, options)
}

// PowerOffSystemd shuts the machine down, waits until it has ended, and
// returns how.
func (m *Machine) PowerOffSystemd(ctx context.Context) (how string, err error) {
	m.t.Helper()
	m.Must(ctx, "systemctl", "--no-block", "poweroff")
	return m.Wait(ctx)
}

// listenNotify is for machines that notify as sd_notify(3) says: nspawn hands
// on the READY=1 of the systemd inside, which comes when the boot is over.
func listenNotify(dir string) (up func(context.Context) error, err error) {
	path := filepath.Join(dir, "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		defer c.Close()
		defer context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Unix(1, 0)) })()
		message := make([]byte, 4096)
		for {
			n, err := c.Read(message)
			if err != nil {
				return fmt.Errorf("it did not say that it is up: %w", err)
			}
			for line := range strings.Lines(string(message[:n])) {
				if strings.TrimSpace(line) == "READY=1" {
					return nil
				}
			}
		}
	}, nil
}

// onlyChild finds nspawn's one child.
func onlyChild(pid int) (int, error) {
	list, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return 0, err
	}
	child, err := strconv.Atoi(strings.TrimSpace(string(list)))
	if err != nil {
		return 0, fmt.Errorf("systemd-nspawn should have one child: %w", err)
	}
	return child, nil
}
