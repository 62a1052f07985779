package lab

import (
	"context"
	"strings"
	"testing"
	"time"
)

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestOpenRC(t *testing.T) {
	begun := time.Now()
	m := OpenRC(t)
	t.Logf("up after %v", time.Since(begun))
	ctx := within(t, time.Minute)
	m.Install("/etc/init.d/nap", "#!/sbin/openrc-run\ncommand=/bin/sleep\ncommand_args=1000\n"+
		"command_background=yes\npidfile=/run/nap.pid\n", 0o755)
	m.Must(ctx, "rc-update", "-u")
	m.Must(ctx, "rc-update", "add", "nap", "default")
	if _, _, code := m.Run(ctx, "rc-service", "nap", "status"); code != 3 {
		t.Errorf("status before the start: %d, want 3", code)
	}
	m.Must(ctx, "rc-service", "nap", "start")
	if out := m.Must(ctx, "rc-service", "nap", "status"); !strings.Contains(out, "started") {
		t.Errorf("status says %q", out)
	}
	m.Must(ctx, "openrc", "nonetwork") // another runlevel
	if _, _, code := m.Run(ctx, "rc-service", "nap", "status"); code != 3 {
		t.Errorf("status after leaving the runlevel: %d, want 3", code)
	}
	if links := m.Must(ctx, "ip", "-o", "link"); strings.Count(links, "\n") != 1 || !strings.Contains(links, "LOOPBACK,UP") {
		t.Errorf("links: %s", links)
	}
}
func TestOpenRCBooted(t *testing.T) {
	begun := time.Now()
	m := OpenRCBooted(t)
	t.Logf("up after %v", time.Since(begun))
	ctx := within(t, time.Minute)
	m.Install("/etc/init.d/bye", "#!/sbin/openrc-run\nstart() { :; }\nstop() { echo bye >&2; sleep 1; echo bye-bye >&2; }\n", 0o755)
	m.Must(ctx, "rc-service", "bye", "start")
	how, err := m.PowerOffOpenRC(ctx)
	if err != nil || how != "signal: interrupt" {
		t.Errorf("ended by %q, %v", how, err)
	}
	if !strings.Contains(m.Console(), "bye-bye") {
		t.Errorf("the service was not stopped:\n%s", m.Console())
	}
}
func TestSystemd(t *testing.T) {
	begun := time.Now()
	m := Systemd(t)
	t.Logf("up after %v", time.Since(begun))
	ctx := within(t, time.Minute)
	t.Log(m.Run(ctx, "systemctl", "is-system-running"))
	t.Log(m.Run(ctx, "systemctl", "--failed"))
	how, err := m.PowerOffSystemd(ctx)
	if err != nil || how != "exit status 0" {
		t.Errorf("ended by %q, %v", how, err)
	}
	t.Log(m.Console())
}
