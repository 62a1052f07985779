package daemon

import (
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/need"
)

// pidsOf are the numbers that a look by name gives.
func pidsOf(t *testing.T, want Want, names ...string) (found []int, passed []Passed) {
	t.Helper()
	all, passed, err := ByName(names, want)
	ok(t, err)
	defer Release(all)
	for _, f := range all {
		found = append(found, f.Pid())
	}
	return found, passed
}

func wantPids(t *testing.T, want Want, names []string, pids ...int) {
	t.Helper()
	slices.Sort(pids)
	if found, _ := pidsOf(t, want, names...); !slices.Equal(found, pids) {
		t.Errorf("%q: found %v, want %v", names, found, pids)
	}
}

func TestAProcessHasTheNameOfItsProgram(t *testing.T) {
	dir := t.TempDir()
	short, fifteen, long, longer := unique("grc"), unique("grcfifteen")[:15], unique("grc-a-daemon-of-long"), unique("")
	longer = long + longer
	a, b := sleeper(t, program(t, dir+"/"+short)), sleeper(t, dir+"/"+short)
	c := sleeper(t, program(t, dir+"/"+fifteen))
	d := sleeper(t, program(t, dir+"/"+long))
	e := sleeper(t, program(t, dir+"/"+longer))
	wantPids(t, Want{}, []string{short}, a.pid, b.pid)
	wantPids(t, Want{}, []string{fifteen}, c.pid)
	wantPids(t, Want{}, []string{long}, d.pid)
	wantPids(t, Want{}, []string{longer}, e.pid)
	wantPids(t, Want{}, []string{short, long, short}, a.pid, b.pid, d.pid)
	for _, none := range []string{short[:8], short + "x", fifteen + "x", fifteen[:14], long[:15], long + "x", strings.ToUpper(short)} {
		wantPids(t, Want{}, []string{none})
	}
	wantPids(t, Want{Exe: dir + "/" + short}, []string{short, long}, a.pid, b.pid)
	_, passed := pidsOf(t, Want{Exe: dir + "/" + short}, short, long)
	if len(passed) != 1 || passed[0].Pid != d.pid || passed[0].As != long || !strings.Contains(passed[0].Why, "instead of") {
		t.Errorf("left alone: %+v", passed)
	}
	a.end()
	wantPids(t, Want{}, []string{short}, b.pid)
}

func TestAScriptHasItsOwnName(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{unique("grc"), unique("grc-a-script-of-long")} {
		path := dir + "/" + name
		writeScript(t, path, "echo ready; read x")
		d := awaited(t, exec.CommandContext(deadline(t), path))
		wantPids(t, Want{}, []string{name}, d.pid)
		wantPids(t, Want{Exe: path}, []string{name}, d.pid)
		wantPids(t, Want{Exe: "/bin/true"}, []string{name})
	}
}

func TestUsersAreToldApart(t *testing.T) {
	need.Root(t)
	name := unique("grc")
	exe := program(t, openTemp(t)+"/"+name)
	roots, others := sleeper(t, exe), sleeper(t, exe, asUser(nobody, nobody))
	wantPids(t, Want{}, []string{name}, roots.pid, others.pid)
	uid := nobody
	wantPids(t, Want{User: &uid}, []string{name}, others.pid)
}

// What pidof and killall get wrong on a host with containers.
func TestAnotherPidNamespaceIsLeftAlone(t *testing.T) {
	need.Root(t)
	name := unique("grc")
	exe := program(t, t.TempDir()+"/"+name)
	ours := sleeper(t, exe)
	inner := blocked(t, func() *proc {
		return sleeper(t, exe, func(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID} })
	})
	wantPids(t, Want{}, []string{name}, ours.pid)
	_, passed := pidsOf(t, Want{}, name)
	if len(passed) != 1 || passed[0].Pid != inner.pid || !strings.Contains(passed[0].Why, "another pid namespace") {
		t.Errorf("left alone: %+v", passed)
	}
	g := groupOf(t, Want{}, name)
	told, grows, err := g.Signal(unix.SIGKILL)
	if err != nil || grows || len(told) != 1 || told[0].Pid() != ours.pid {
		t.Errorf("%v, %v, %v", told, grows, err)
	}
	if harm := inner.harmed(); harm != "" {
		t.Error(harm)
	}
}

func TestWhoCallsIsLeftAlone(t *testing.T) {
	for _, comm := range []string{"/proc/self/comm", "/proc/1/comm"} {
		text := readFile(t, comm)
		name := strings.TrimSuffix(text, "\n")
		if len(name) == maxName {
			name = wholeName(t) // as go test calls its binary
		}
		found, passed := pidsOf(t, Want{}, name)
		for _, pid := range found {
			if pid == 1 || pid == syscall.Getpid() {
				t.Errorf("%s: found %v, %v", name, found, passed)
			}
		}
	}
}

func groupOf(t *testing.T, want Want, names ...string) *Group {
	t.Helper()
	found, _, err := ByName(names, want)
	ok(t, err)
	g := NewGroup(found, func() ([]Found, error) {
		again, _, err := ByName(names, want)
		return again, err
	})
	t.Cleanup(g.Close)
	return g
}
