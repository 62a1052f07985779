package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What is served is a program that a service of each init system keeps alive.
var services = map[string]struct {
	start func(T, ...Option) *Machine
	path  string
	mode  fs.FileMode
	text  string
	load  []string // after the installation
	ctl   func(verb string) []string
	dead  int // exit status of "status" when it does not run
}{
	"openrc":  {OpenRC, openrcPath, 0o755, openrcNap, []string{"rc-update", "-u"}, openrcCtl, 3},
	"booted":  {OpenRCBooted, openrcPath, 0o755, openrcNap, []string{"rc-update", "-u"}, openrcCtl, 3},
	"systemd": {Systemd, "/etc/systemd/system/nap.service", 0o644, "[Service]\nExecStart=/bin/sleep 1000\n", []string{"systemctl", "daemon-reload"}, systemdCtl, 3},
}

const (
	openrcPath = "/etc/init.d/nap"
	// Not with start-stop-daemon: Debian's returns before it has executed the program.
	openrcNap = "#!/sbin/openrc-run\nstart() { sleep 1000 & echo $! > /run/nap.pid; }\nstop() { kill $(cat /run/nap.pid); }\n"
)

func openrcCtl(verb string) []string  { return []string{"rc-service", "nap", verb} }
func systemdCtl(verb string) []string { return []string{"systemctl", verb, "nap"} }

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// TestMachines runs each kind twice at the same time, then once more, with the
// same service in each, and looks whether anything stays behind.
func TestMachines(t *testing.T) {
	before := mounts(t)
	seen := make(chan *os.File, 100)
	for round := range 2 {
		t.Run(fmt.Sprint("round", round), func(t *testing.T) {
			for name := range services {
				for copies := range 2 {
					t.Run(fmt.Sprint(name, copies), func(t *testing.T) {
						t.Parallel()
						seen <- serve(t, name)
					})
				}
			}
		})
	}
	close(seen)
	if after := mounts(t); after != before {
		t.Errorf("mounts before:\n%s\nand after:\n%s", before, after)
	}
	for ns := range seen {
		if left := processesIn(t, ns); len(left) > 0 {
			t.Errorf("processes left: %q", left)
		}
		ns.Close()
	}
	for _, h := range hierarchies(t) {
		if left, _ := filepath.Glob(filepath.Join(h.own, fmt.Sprint(cgroupPrefix, os.Getpid(), "-*"))); len(left) > 0 {
			t.Errorf("cgroups left: %q", left)
		}
	}
}

// serve runs the service in a machine and returns its mount namespace, open so
// that no other gets its number.
func serve(t *testing.T, name string) *os.File {
	s := services[name]
	begun := time.Now()
	m := s.start(t)
	t.Logf("up after %v", time.Since(begun).Round(time.Millisecond))
	ctx := within(t, time.Minute)
	m.Install(s.path, s.text, s.mode)
	m.Must(ctx, s.load[0], s.load[1:]...)
	for _, step := range []struct {
		verb string
		code int
	}{{"status", 0}, {"start", 0}, {"status", 1}, {"stop", 0}, {"status", 0}, {"start", 0}} {
		want := 0
		if step.verb == "status" && step.code == 0 {
			want = s.dead
		}
		argv := s.ctl(step.verb)
		if stdout, stderr, code := m.Run(ctx, argv[0], argv[1:]...); code != want {
			t.Errorf("%q: exit status %d, want %d\n%s%s", argv, code, want, stdout, stderr)
		}
	}
	if links := m.Must(ctx, "ip", "-o", "link"); !strings.Contains(links, "LOOPBACK,UP") || strings.Contains(links, "eth0") {
		t.Errorf("links: %s", links)
	}
	ns, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", m.ns[0].Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return ns
}

func mounts(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// processesIn lists processes that are in the mount namespace.
func processesIn(t *testing.T, ns *os.File) (left []string) {
	t.Helper()
	want, err := ns.Stat()
	if err != nil {
		t.Fatal(err)
	}
	all, err := filepath.Glob("/proc/[0-9]*/ns/mnt")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range all {
		if got, err := os.Stat(link); err == nil && os.SameFile(got, want) { // an error: it has ended
			left = append(left, link)
		}
	}
	return left
}

func TestOpenRCShutdown(t *testing.T) {
	t.Parallel()
	m := OpenRCBooted(t)
	ctx := within(t, time.Minute)
	m.Install("/etc/init.d/bye", "#!/sbin/openrc-run\nstart() { :; }\nstop() { echo bye >&2; sleep 0.5; echo bye-bye >&2; }\n", 0o755)
	m.Must(ctx, "rc-update", "-u")
	m.Must(ctx, "rc-service", "bye", "start")
	how, err := m.PowerOffOpenRC(ctx)
	if err != nil || how != "signal: interrupt" {
		t.Errorf("ended by %q, %v", how, err)
	}
	if !strings.Contains(m.Console(), "bye-bye") {
		t.Errorf("the service was not stopped:\n%s", m.Console())
	}
}

func TestSystemdShutdown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := Systemd(t, Bind(dir))
	ctx := within(t, time.Minute)
	if state, _, _ := m.Run(ctx, "systemctl", "is-system-running"); state != "running\n" {
		_, failed, _ := m.Run(ctx, "systemctl", "--failed")
		t.Errorf("it is %s%s", state, failed)
	}
	m.Install("/etc/systemd/system/bye.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n"+
		"ExecStop=/bin/sh -c 'sleep 0.5; echo bye-bye > "+dir+"/bye'\n", 0o644)
	m.Must(ctx, "systemctl", "start", "bye")
	how, err := m.PowerOffSystemd(ctx)
	if err != nil || how != "exit status 0" {
		t.Errorf("ended by %q, %v", how, err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "bye")); string(text) != "bye-bye\n" {
		t.Errorf("the service was not stopped: %q, %v", text, err)
	}
}

func TestLayer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "etc/conf.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "etc/conf.d/nap"), []byte("x=1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	m := OpenRC(t, Layer(dir))
	if text, err := m.ReadFile("/etc/conf.d/nap"); text != "x=1\n" {
		t.Errorf("read %q, %v", text, err)
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	m := OpenRC(t)
	if stdout, stderr, code := m.Run(within(t, time.Minute), "sh", "-c", "echo out; echo err >&2; exit 7"); stdout != "out\n" || stderr != "err\n" || code != 7 {
		t.Errorf("%q, %q, %d", stdout, stderr, code)
	}
	begun := time.Now()
	if _, stderr, code := m.Run(within(t, 200*time.Millisecond), "sleep", "60"); code != -1 || !strings.Contains(stderr, "deadline exceeded") {
		t.Errorf("%q, %d", stderr, code)
	}
	if out, _, code := m.Run(within(t, time.Minute), "sh", "-c", "sleep 60 & echo started"); code != 0 || out != "started\n" {
		t.Errorf("%q, %d", out, code)
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
	m.proc.Kill()
	if _, _, code := m.Run(within(t, time.Minute), "true"); code == 0 {
		t.Error("a command ran although the machine has ended")
	}
}

func TestWaitGivesUp(t *testing.T) {
	t.Parallel()
	m := OpenRC(t)
	if _, err := m.Wait(within(t, 50*time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
