package command

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/tests/lab"
)

// check holds an answer against what lxc-info and /proc say.
func check(t *testing.T, c *container) (monitor int, a Answer) {
	t.Helper()
	monitor, a = c.ask()
	if a.State != "RUNNING" || strconv.Itoa(a.InitPid) != c.must("lxc-info", "-pH") {
		t.Errorf("answer %+v, lxc-info says %s and %s", a, c.must("lxc-info", "-sH"), c.must("lxc-info", "-pH"))
	}
	if parent := parentOf(t, a.InitPid); parent != monitor {
		t.Errorf("monitor %d, but init %d is a child of %d", monitor, a.InitPid, parent)
	}
	return monitor, a
}

func TestTheMonitorOfADaemonIsFound(t *testing.T) {
	c := newContainer(t, shortDir(t))
	if _, _, err := Ask(c.ctx(), c.lxcpath, c.name); !errors.Is(err, ErrNobody) {
		t.Fatalf("before the start: %v", err)
	}
	c.daemon()
	monitor, _ := check(t, c)
	title, err := os.ReadFile("/proc/" + strconv.Itoa(monitor) + "/cmdline")
	if want := "[lxc monitor] " + c.lxcpath + " " + c.name; err != nil || strings.TrimRight(string(title), "\x00") != want {
		t.Errorf("the monitor's title is %q (%v), not %q", title, err, want)
	}
	c.must("lxc-stop", "-k")
	if state, err := Await(c.ctx(), c.lxcpath, c.name, "STOPPED"); state != "STOPPED" || err != nil {
		t.Errorf("%s, %v", state, err)
	}
	if _, _, err := Ask(c.ctx(), c.lxcpath, c.name); !errors.Is(err, ErrNobody) {
		t.Errorf("after the stop: %v", err)
	}
}

// TestTheHolderIsTheMonitor, whether or not it answers.
func TestTheHolderIsTheMonitor(t *testing.T) {
	c := newContainer(t, shortDir(t))
	if p, err := Holder(c.lxcpath, c.name); p != nil || err != nil {
		t.Fatalf("before the start: %v, %v", p, err)
	}
	c.daemon()
	monitor, _ := check(t, c)
	p, err := Holder(c.lxcpath, c.name)
	if err != nil || p == nil || p.Pid() != monitor {
		t.Fatalf("holder %v (%v), want process %d", p, err, monitor)
	}
	defer p.Close()
	if other, err := Holder(c.lxcpath, c.name+"-other"); other != nil || err != nil {
		t.Errorf("of another container: %v, %v", other, err)
	}
}

func TestTheMonitorInTheForegroundIsFound(t *testing.T) {
	c := newContainer(t, shortDir(t)+"/") // LXC takes the slash off, too
	cmd := exec.Command("lxc-start", "-P", c.lxcpath, "-n", c.name, "-f", c.config, "-F")
	fg := lab.Start(t, cmd)
	for { // nobody listens at first, and nothing announces it
		if _, err := Await(c.ctx(), c.lxcpath, c.name, "RUNNING"); err != nil {
			t.Fatal(err)
		}
		p, _, err := Ask(c.ctx(), c.lxcpath, c.name)
		if err == nil {
			p.Close()
			break
		}
		select {
		case <-fg.Done():
			t.Fatal("lxc-start ended")
		case <-time.After(20 * time.Millisecond):
		}
	}
	if monitor, _ := check(t, c); monitor != fg.Pid() {
		t.Errorf("monitor %d, started %d", monitor, fg.Pid())
	}
	c.must("lxc-stop", "-k") // a monitor that the test kills would leave cgroups behind
	if err := fg.Wait(c.ctx()); err != nil {
		t.Log(err) // its exit status tells of the container's end
	}
}

func TestLongNamesAreHashedAsLXCDoes(t *testing.T) {
	base := shortDir(t)
	// The longest name of a socket that stands for itself has 105 bytes.
	for _, want := range []int{105, 106, 107, 140} {
		t.Run(strconv.Itoa(want), func(t *testing.T) {
			t.Parallel()
			c := newContainer(t, base)
			fill := want - len(base+"/"+"/"+c.name+"/command")
			long := filepath.Join(base, strings.Repeat("x", fill))
			if err := os.MkdirAll(long, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(filepath.Join(base, c.name), filepath.Join(long, c.name)); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(filepath.Join(long, c.name, "config"))
			if err != nil {
				t.Fatal(err)
			}
			c.config = filepath.Join(long, c.name, "config")
			if err := os.WriteFile(c.config, []byte(strings.ReplaceAll(string(text), base, long)), 0o644); err != nil {
				t.Fatal(err)
			}
			c.lxcpath = long
			socket := address(c.lxcpath, c.name)
			if hashed := strings.HasPrefix(socket, "lxc/"); hashed != (want > 105) {
				t.Errorf("the socket of %d bytes is %s", want, socket)
			}
			c.daemon()
			check(t, c)
		})
	}
}

func TestARebootKeepsTheMonitor(t *testing.T) {
	c := newContainer(t, shortDir(t))
	c.daemon()
	monitor, before := check(t, c)
	init, err := pidfile.Capture(before.InitPid)
	if err != nil {
		t.Fatal(err)
	}
	defer init.Close()
	c.run("lxc-attach", "--", "/bin/busybox", "reboot", "-f") // killed by its own success
	if err := init.Wait(c.ctx()); err != nil {
		t.Fatal(err)
	}
	if state, err := Await(c.ctx(), c.lxcpath, c.name, "RUNNING"); state != "RUNNING" || err != nil {
		t.Fatalf("%s, %v", state, err)
	}
	again, after := check(t, c)
	if again != monitor || after.InitPid == before.InitPid {
		t.Errorf("monitor %d and init %d, after the reboot %d and %d", monitor, before.InitPid, again, after.InitPid)
	}
}

func TestAwaitReturnsWhenTheStateIsReached(t *testing.T) {
	c := newContainer(t, shortDir(t))
	c.daemon()
	for _, step := range []struct {
		wait []string
		do   func()
		want []string
	}{
		{[]string{"RUNNING", "STOPPED"}, func() {}, []string{"RUNNING"}},
		{[]string{"STOPPED", "FROZEN"}, func() { c.must("lxc-freeze") }, []string{"FROZEN"}},
		{[]string{"RUNNING", "THAWED"}, func() { c.must("lxc-unfreeze") }, []string{"THAWED", "RUNNING"}}, // whichever is first
		{[]string{"STOPPED"}, func() { c.must("lxc-stop", "-k") }, []string{"STOPPED"}},
		{[]string{"RUNNING"}, func() {}, []string{"STOPPED"}},
	} {
		ctx := c.ctx()
		type result struct {
			state string
			err   error
		}
		got := make(chan result, 1)
		go func() {
			state, err := Await(ctx, c.lxcpath, c.name, step.wait...)
			got <- result{state, err}
		}()
		step.do()
		if r := <-got; !slices.Contains(step.want, r.state) || r.err != nil {
			t.Errorf("waited for %v: %s, %v", step.wait, r.state, r.err)
		}
	}
}

func TestAwaitNoticesAKilledMonitor(t *testing.T) {
	c := newContainer(t, shortDir(t))
	c.daemon()
	p, a, err := Ask(c.ctx(), c.lxcpath, c.name)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	init, err := pidfile.Capture(a.InitPid)
	if err != nil {
		t.Fatal(err)
	}
	defer init.Close()
	done := make(chan error, 1)
	ctx := c.ctx()
	go func() {
		state, err := Await(ctx, c.lxcpath, c.name, "STOPPED", "FROZEN")
		if err == nil && state != "STOPPED" {
			err = errors.New(state)
		}
		done <- err
	}()
	if err := p.Signal(9); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := init.Signal(9); err != nil && !errors.Is(err, pidfile.ErrGone) {
		t.Error(err)
	}
	if err := init.Wait(c.ctx()); err != nil {
		t.Error(err)
	}
	removeGroups(t, c.name)
}

// removeGroups is for what a monitor leaves behind that was killed.
func removeGroups(t *testing.T, name string) {
	t.Helper()
	left, err := filepath.Glob("/sys/fs/cgroup/*/lxc.*." + name)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range left {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	}
}

func TestAStoppedMonitorCostsNoMoreThanTheDeadline(t *testing.T) {
	c := newContainer(t, shortDir(t))
	c.daemon()
	p, _, err := Ask(c.ctx(), c.lxcpath, c.name)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Signal(19); err != nil { // SIGSTOP
		t.Fatal(err)
	}
	defer p.Signal(18) // SIGCONT
	ctx, cancel := context.WithTimeout(c.ctx(), 200*time.Millisecond)
	defer cancel()
	if _, _, err := Ask(ctx, c.lxcpath, c.name); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
