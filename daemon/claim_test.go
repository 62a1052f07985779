package daemon

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/need"
)

const nobody = 65534

func TestADaemonIsFoundByItsPidfile(t *testing.T) {
	dir := t.TempDir()
	exe := program(t, dir+"/daemon")
	d := sleeper(t, exe)
	path := pidfileOf(t, d.pid)
	mustFind(t, path, Want{}, d.pid, "started before")
	mustFind(t, path, Want{Exe: exe}, d.pid, "started before", "it runs "+exe)
	uid := os.Geteuid()
	mustFind(t, path, Want{User: &uid}, d.pid, "it runs as")

	ok(t, os.WriteFile(path, fmt.Append(nil, d.pid), 0o644)) // without a newline
	mustFind(t, path, Want{}, d.pid)
	ok(t, os.Symlink(path, dir+"/link"))
	ok(t, os.Symlink("link", dir+"/again"))
	ok(t, os.Symlink(".", dir+"/here"))
	mustFind(t, dir+"/here/../here/again", Want{}, d.pid)
	ok(t, os.Link(path, dir+"/hard"))
	mustFind(t, dir+"/hard", Want{}, d.pid)
	t.Chdir(dir)
	mustFind(t, "again", Want{}, d.pid)

	d.end()
	mustNot(t, path, Want{}, statusNotRunning, "has ended")
	ok(t, os.Remove(path))
	mustNot(t, path, Want{}, statusNotRunning, "no such file")
	mustNot(t, dir+"/again", Want{}, statusNotRunning, "no such file")
	mustNot(t, dir+"/none/pid", Want{}, statusNotRunning, "no such file")
}

func TestAZombieHasEnded(t *testing.T) {
	cmd := exec.CommandContext(deadline(t), "true")
	ok(t, cmd.Start())
	var info unix.Siginfo
	ok(t, unix.Waitid(unix.P_PID, cmd.Process.Pid, &info, unix.WEXITED|unix.WNOWAIT, nil))
	mustNot(t, pidfileOf(t, cmd.Process.Pid), Want{}, statusNotRunning, "has ended")
	ok(t, cmd.Wait())
}

func TestWhatIsNoPidfileIsRefused(t *testing.T) {
	dir := t.TempDir()
	d := sleeper(t, program(t, dir+"/daemon"))
	ok(t, unix.Mkfifo(dir+"/fifo", 0o644))
	ok(t, os.Symlink("loop", dir+"/loop"))
	ok(t, os.Symlink("/dev/null", dir+"/null"))
	ok(t, os.Symlink("fifo", dir+"/tofifo"))
	for path, words := range map[string]string{
		dir + "/fifo":        "a named pipe",
		dir + "/tofifo":      "a named pipe",
		dir:                  "a directory",
		dir + "/null":        "a device",
		dir + "/loop":        "too many levels",
		dir + "/daemon/pid":  "not a directory",
		"/proc/self/cwd/pid": "a link of /proc",
		fmt.Sprintf("/proc/%d/root%s", d.pid, pidfileOf(t, d.pid)): "a link of /proc",
	} {
		mustNot(t, path, Want{}, statusRefused, words)
	}
	number := strconv.Itoa(d.pid)
	for content, words := range map[string]string{
		"":                                  "empty",
		"-" + number:                        "no process number",
		"0":                                 "no process number",
		"-1":                                "no process number",
		"99999999999999999999":              "no process number",
		"\n" + number:                       "no process number",
		" \n" + number:                      "no process number",
		number + " " + number:               "no process number",
		number + "\r\n":                     "no process number",
		"0" + number:                        "no process number",
		"+" + number:                        "no process number",
		number + "\x00":                     "no process number",
		"0x10":                              "no process number",
		number + strings.Repeat(" ", 1<<20): "no process number",
		strings.Repeat("1", 1<<20):          "no process number",
	} {
		path := dir + "/content"
		ok(t, os.WriteFile(path, []byte(content), 0o644))
		mustNot(t, path, Want{}, statusRefused, words)
	}
}

func TestAPidfileMayBePaddedAndSayMore(t *testing.T) {
	d := sleeper(t, program(t, t.TempDir()+"/daemon"))
	path := pidfileOf(t, d.pid)
	for _, form := range []string{
		"%d", "%32d\n", // Postfix
		"\t%d \n",
		"%d\n/var/lib/postgresql/16/data\n1764000000\n5432\n/run/postgresql\n", // PostgreSQL
		"%d\n\n", "%d\n%[1]d\n", "%d\n" + strings.Repeat("x", 1<<20),
	} {
		ok(t, os.WriteFile(path, fmt.Appendf(nil, form, d.pid), 0o644))
		mustFind(t, path, Want{}, d.pid)
	}
}

// A link may lead to what its maker may not read.
func TestWhatAFileHoldsIsNotTold(t *testing.T) {
	if _, err := ByPidfile(pidfileOf(t, "a-password"), Want{}); err == nil || strings.Contains(err.Error(), "password") {
		t.Error(err)
	}
}

// A pidfile that is put in place anew is always there.
func TestAPidfileIsReplacedWhileItIsLookedAt(t *testing.T) {
	d := sleeper(t, program(t, t.TempDir()+"/daemon"))
	path := pidfileOf(t, d.pid)
	stop, stopped := make(chan bool), make(chan bool)
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				os.WriteFile(path+".new", fmt.Append(nil, d.pid), 0o644)
				os.Rename(path+".new", path)
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	for range 300 {
		f, err := ByPidfile(path, Want{})
		ok(t, err)
		ok(t, f.Close())
	}
}

func TestANameIsOneLine(t *testing.T) {
	dir := t.TempDir()
	d := sleeper(t, program(t, dir+"/a\nb"))
	if f := mustFind(t, pidfileOf(t, d.pid), Want{}, d.pid); strings.Contains(f.String(), "\n") {
		t.Errorf("%q", f)
	}
	if _, err := ByPidfile(pidfileOf(t, d.pid), Want{Exe: "/bin/sh"}); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("%q", err)
	}
}

func TestWhatIsNeverADaemonIsRefused(t *testing.T) {
	thread := make(chan int)
	stop := make(chan bool)
	defer close(stop)
	go func() {
		// A thread of ours other than the first; it is not given to anybody else.
		for unix.Gettid() == os.Getpid() {
			time.Sleep(time.Millisecond)
		}
		thread <- unix.Gettid()
		<-stop
	}()
	for what, c := range map[string]struct {
		pid    int
		status int
		words  string
	}{
		"init":          {1, statusRefused, "PID 1"},
		"ourselves":     {os.Getpid(), statusRefused, "this very process"},
		"who called us": {os.Getppid(), statusRefused, "this command runs below it"},
		"kernel thread": {2, statusRefused, "kernel thread"},
		"a thread":      {<-thread, statusNotRunning, "has ended"},
		"nobody":        {4194304, statusNotRunning, "has ended"},
	} {
		if text, err := os.ReadFile("/proc/2/comm"); what == "kernel thread" && (err != nil || string(text) != "kthreadd\n") {
			need.Missing(t, "kernel threads in /proc")
		}
		t.Run(what, func(t *testing.T) { mustNot(t, pidfileOf(t, c.pid), Want{}, c.status, c.words) })
	}
}

func TestAProcessThatIsNotAsWantedIsRefused(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	exe, other := program(t, dir+"/daemon"), program(t, dir+"/other")
	d := sleeper(t, exe)
	path := pidfileOf(t, d.pid)
	uid := nobody
	mustNot(t, path, Want{Exe: other}, statusRefused, "it runs "+exe+" instead of "+other)
	mustNot(t, path, Want{Exe: dir + "/none"}, statusRefused, "which does not exist")
	mustNot(t, path, Want{User: &uid}, statusRefused, "it runs as root instead of nobody")
	aged(t, path, time.Hour) // all agrees that it is another
	mustNot(t, path, Want{Exe: other}, statusNotRunning, "60 min after the pidfile was written")
}

func TestAnUpgradedProgramIsStillTheDaemon(t *testing.T) {
	dir := t.TempDir()
	ok(t, os.Chmod(dir, 0o755))
	exe := program(t, dir+"/daemon")
	ok(t, os.Symlink("daemon", dir+"/link"))
	d := sleeper(t, exe)
	path := pidfileOf(t, d.pid)
	program(t, dir+"/new")
	ok(t, os.Rename(dir+"/new", exe))
	mustFind(t, path, Want{Exe: exe}, d.pid, "which was replaced since")
	mustFind(t, path, Want{Exe: dir + "/link"}, d.pid, "which was replaced since")
	ok(t, os.Remove(exe))
	mustFind(t, path, Want{Exe: exe}, d.pid, "which was replaced since")
	mustNot(t, path, Want{Exe: "/bin/sh"}, statusRefused)
}

// A process below another root may have had another file of the same path.
func TestAReplacedProgramBelowAnotherRootIsNotOurs(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	text, err := os.ReadFile("/proc/self/exe")
	ok(t, err)
	exe := dir + "/daemon"
	ok(t, os.WriteFile(exe, text, 0o755))
	d := awaited(t, playing(exec.CommandContext(deadline(t), exe), "chroot", dir))
	path := pidfileOf(t, d.pid)
	mustFind(t, path, Want{Exe: exe}, d.pid)
	ok(t, os.Remove(exe))
	mustNot(t, path, Want{Exe: exe}, statusRefused, "below another root")
}

func TestAScriptIsKnownByItsInterpreter(t *testing.T) {
	dir := t.TempDir()
	path := dir + "/foo-daemon"
	ok(t, os.WriteFile(path, []byte("#!/bin/sh -e\necho ready\nread x\n"), 0o755))
	d := awaited(t, exec.CommandContext(deadline(t), path, "-f", "x"))
	file := pidfileOf(t, d.pid)
	mustFind(t, file, Want{Exe: path}, d.pid, "it runs "+path+" by /bin/sh")
	mustNot(t, file, Want{Exe: dir + "/other"}, statusRefused)

	t.Chdir(dir)
	d = awaited(t, exec.CommandContext(deadline(t), "sh", "./foo-daemon"))
	mustFind(t, pidfileOf(t, d.pid), Want{Exe: path}, d.pid)

	// Neither of these runs it.
	d = awaited(t, exec.CommandContext(deadline(t), "/bin/sh", "-c", "echo ready; read x", path))
	mustNot(t, pidfileOf(t, d.pid), Want{Exe: path}, statusRefused)
	tail := launch(t, exec.CommandContext(deadline(t), "tail", "-f", path))
	mustNot(t, pidfileOf(t, tail.pid), Want{Exe: path}, statusRefused)
}

// All of busybox's daemons run one file.
func TestAnAppletIsKnownByItsName(t *testing.T) {
	dir := t.TempDir()
	program(t, dir+"/busybox")
	ok(t, os.Symlink("busybox", dir+"/syslogd"))
	ok(t, os.Symlink("busybox", dir+"/crond"))
	d := sleeper(t, dir+"/syslogd")
	path := pidfileOf(t, d.pid)
	mustFind(t, path, Want{Exe: dir + "/syslogd"}, d.pid)
	mustFind(t, path, Want{Exe: dir + "/busybox"}, d.pid)
	mustNot(t, path, Want{Exe: dir + "/crond"}, statusRefused, "busybox as syslogd instead of "+dir+"/crond")
	ok(t, os.Remove(dir+"/busybox"))
	mustFind(t, path, Want{Exe: dir + "/syslogd"}, d.pid)
	mustNot(t, path, Want{Exe: dir + "/crond"}, statusRefused)
}

// What a pidfile's time says, and what it does not.
func TestAYoungerProcessHasSomebodyElsesNumber(t *testing.T) {
	dir := t.TempDir()
	exe := program(t, dir+"/daemon")
	d := blocked(t, func() *proc { return sleeper(t, exe) })
	path := pidfileOf(t, d.pid)
	aged(t, path, 50*24*time.Hour)
	mustNot(t, path, Want{}, statusNotRunning, "50 days after the pidfile was written")
	mustNot(t, path, Want{Exe: exe}, statusRefused, "50 days after")
	aged(t, path, -time.Hour) // from the future: the clock was set back
	mustNot(t, path, Want{}, statusRefused, "in the future")
	mustFind(t, path, Want{Exe: exe}, d.pid, "in the future")
	if harm := d.harmed(); harm != "" {
		t.Error(harm)
	}
}

func TestAFileInMemoryThatIsOlderThanTheBootTellsOfAClock(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	ok(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0755"))
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	exe := program(t, t.TempDir()+"/daemon")
	d := sleeper(t, exe)
	path := dir + "/pid"
	ok(t, os.WriteFile(path, fmt.Append(nil, d.pid), 0o644))
	ok(t, os.Chtimes(path, time.Unix(60, 5), time.Unix(60, 5)))
	mustFind(t, path, Want{Exe: exe}, d.pid, "the clock was set since")
	mustNot(t, path, Want{}, statusRefused, "the clock was set since")
}

func TestAnOpenOrLockedPidfileIsProof(t *testing.T) {
	for _, part := range []string{"open", "lock"} {
		path := pidfileOf(t, "x")
		d := spawn(t, part, path)
		ok(t, os.WriteFile(path, fmt.Append(nil, d.pid), 0o644))
		if part == "lock" {
			mustFind(t, path, Want{}, d.pid, "it locks the pidfile")
		}
		aged(t, path, time.Hour)
		mustFind(t, path, Want{}, d.pid, "it has the pidfile open")
	}
	path := pidfileOf(t, "x")
	holder := spawn(t, "lock", path)
	other := spawn(t, "wait", "")
	ok(t, os.WriteFile(path, fmt.Append(nil, other.pid), 0o644))
	mustNot(t, path, Want{}, statusRefused, fmt.Sprintf("but process %d locks it", holder.pid))
	ok(t, os.WriteFile(path, nil, 0o644))
	mustNot(t, path, Want{}, statusRefused, "empty")
}

func TestAContainersProcessIsRefused(t *testing.T) {
	need.Root(t)
	inner := spawn(t, "wait", "", func(cmd *exec.Cmd) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}
	})
	mustNot(t, pidfileOf(t, inner.pid), Want{}, statusRefused, "in another pid namespace")

	// Its own pidfile says 1 and is locked by it; the kernel tells its number here.
	path := pidfileOf(t, 1)
	holder := spawn(t, "lock", path, func(cmd *exec.Cmd) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}
	})
	mustNot(t, path, Want{}, statusRefused, fmt.Sprintf("but process %d locks it", holder.pid))

	// And seen from there, one of ours has no number.
	path = pidfileOf(t, 1)
	spawn(t, "lock", path)
	find := playing(exec.CommandContext(deadline(t), "/proc/self/exe"), "find", path)
	find.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	if out, err := find.CombinedOutput(); err != nil || !strings.Contains(string(out), "another pid namespace") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestAPidfileOfAnotherSystemIsRefused(t *testing.T) {
	need.Root(t)
	root := t.TempDir()
	for _, dir := range []string{"proc", "etc", "run"} {
		ok(t, os.Mkdir(filepath.Join(root, dir), 0o755))
	}
	d := sleeper(t, program(t, root+"/daemon"))
	path := root + "/run/pid"
	ok(t, os.WriteFile(path, fmt.Append(nil, d.pid), 0o644))
	mustNot(t, path, Want{}, statusRefused, "another system, whose root is "+root)
	mustNot(t, path, Want{Exe: root + "/daemon"}, statusRefused, "another system")
	ok(t, os.WriteFile(path, []byte("4194304"), 0o644))
	mustNot(t, path, Want{}, statusRefused, "another system")

	jailed := spawn(t, "chroot", root) // a daemon in a chroot has a number of ours
	ok(t, os.WriteFile(path, fmt.Append(nil, jailed.pid), 0o644))
	mustFind(t, path, Want{}, jailed.pid)
}
