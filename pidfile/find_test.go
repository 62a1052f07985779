package pidfile

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// kernels are those that this one can pretend to be.
var kernels = map[string]kernel{
	"handle":           {},
	"handle, no root":  {noRoot: true},
	"inode":            {noHandle: true},
	"start time":       {noHandle: true, noInode: true, noInfo: true},
	"inode, no ioctl":  {noHandle: true, noInfo: true},
	"handle, no ioctl": {noInfo: true},
}

func onKernels(t *testing.T, f func(t *testing.T, k kernel)) {
	for name, k := range kernels {
		t.Run(name, func(t *testing.T) { f(t, k) })
	}
}

func mustFind(t testing.TB, k kernel, dir *os.File, rec *Identity, want Expect) (*Process, How) {
	t.Helper()
	p, how, err := k.find(dir, rec, want)
	ok(t, err)
	t.Cleanup(func() { p.Close() })
	return p, how
}

func mustDoubt(t testing.TB, k kernel, dir *os.File, rec *Identity, want Expect, about ...string) {
	t.Helper()
	p, _, err := k.find(dir, rec, want)
	if p != nil {
		t.Fatalf("found process %d", p.Pid())
	}
	doubt := isA[*DoubtError](t, err)
	if doubt.ExitStatus() != 4 || !strings.Contains(doubt.HintText(), "nothing was signalled") {
		t.Error("status or hint of", doubt)
	}
	for _, text := range append(about, dir.Name()) {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%v\ndoes not mention %q", err, text)
		}
	}
}

func mustNotRun(t testing.TB, k kernel, dir *os.File, rec *Identity, want Expect) {
	t.Helper()
	if p, _, err := k.find(dir, rec, want); p != nil || !errors.Is(err, ErrNotRunning) {
		t.Fatalf("found %v, %v; want not running", p, err)
	}
}

func TestFindNothing(t *testing.T) {
	dir := guestDir(t)
	mustNotRun(t, kernel{}, dir, nil, Expect{})
	ok(t, os.WriteFile(pidfileOf(dir), []byte("1\n"), 0o600))
	mustNotRun(t, kernel{}, dir, nil, expected(dir))
}

func TestFindRecorded(t *testing.T) {
	onKernels(t, func(t *testing.T, k kernel) {
		dir := guestDir(t)
		g := guest(t, dir)
		captured, err := k.capture(g.pid)
		ok(t, err)
		defer captured.Close()
		rec := captured.Identity()
		p, how := mustFind(t, k, dir, &rec, Expect{})
		if p.Pid() != g.pid || !strings.HasPrefix(t.Name(), "TestFindRecorded/"+strings.ReplaceAll(string(how), " ", "_")) {
			t.Errorf("found %d by %s", p.Pid(), how)
		}
		ok(t, p.Signal(unix.SIGTERM))
		ok(t, p.Wait(t.Context()))
		mustNotRun(t, k, dir, &rec, Expect{}) // a zombie
		g.reap()
		mustNotRun(t, k, dir, &rec, Expect{})
	})
}

// What is done to the pidfile does not keep a recorded guest from being found.
func TestFindRecordedTampered(t *testing.T) {
	d := startDecoy(t)
	acts := tampered(d.pid)
	acts["forged"] = func(path string) error { return os.WriteFile(path, []byte("1\n"), 0o600) }
	acts["absent"] = func(string) error { return nil }
	for name, act := range acts {
		t.Run(name, func(t *testing.T) {
			onKernels(t, func(t *testing.T, k kernel) {
				dir := guestDir(t)
				g := guest(t, dir)
				rec := capture(t, g.pid).Identity()
				g.say(t, "unlink")
				g.line(t)
				ok(t, act(pidfileOf(dir)))
				p, _ := mustFind(t, k, dir, &rec, Expect{})
				if p.Pid() != g.pid {
					t.Errorf("found %d, want %d", p.Pid(), g.pid)
				}
			})
		})
	}
	d.mustBeUnharmed(t)
}

// With no record, only a lock whose holder looks as expected will do.
func TestFindLocked(t *testing.T) {
	dir := guestDir(t)
	g := guest(t, dir)
	good := expected(dir)
	p, how := mustFind(t, kernel{}, dir, nil, good)
	if p.Pid() != g.pid || how != ByLock {
		t.Errorf("found %d by %s", p.Pid(), how)
	}
	if p.Identity() != capture(t, g.pid).Identity() {
		t.Error("an adopted process has another identity")
	}
	for name, want := range map[string]Expect{
		"nothing is known": {},
		"/bin/sh":          {Exe: "/bin/sh", Arg: good.Arg},
		"other.db":         {Exe: good.Exe, Arg: []string{"-pidfile", "/run/guestrc/other.db/pid"}},
	} {
		mustDoubt(t, kernel{}, dir, nil, want, name, lockedBy(g.pid))
	}
	mustFind(t, kernel{}, dir, nil, Expect{Exe: good.Exe})
	mustFind(t, kernel{}, dir, nil, Expect{Arg: good.Arg})
}

func TestFindTamperedUnrecorded(t *testing.T) {
	d := startDecoy(t)
	for name, act := range tampered(d.pid) {
		t.Run(name, func(t *testing.T) {
			dir := guestDir(t)
			ok(t, act(pidfileOf(dir)))
			mustDoubt(t, kernel{}, dir, nil, expected(dir), "cannot trust")
			if _, _, err := Find(dir, nil, expected(dir)); errors.As(err, new(*SuspectError)) == false {
				t.Error("the cause is lost:", err)
			}
		})
	}
	d.mustBeUnharmed(t)
}

// A record of a process that ended does not stand in the way of its successor.
func TestFindSuccessor(t *testing.T) {
	onKernels(t, func(t *testing.T, k kernel) {
		dir := guestDir(t)
		before := guest(t, dir)
		rec := capture(t, before.pid).Identity()
		before.kill()
		g := guest(t, dir)
		p, how := mustFind(t, k, dir, &rec, expected(dir))
		if p.Pid() != g.pid || how != ByLock {
			t.Errorf("found %d by %s", p.Pid(), how)
		}
		mustDoubt(t, k, dir, &rec, Expect{Exe: "/bin/sh"}, lockedBy(g.pid))
	})
}

func TestFindRecordAgainstLock(t *testing.T) {
	onKernels(t, func(t *testing.T, k kernel) {
		dir := guestDir(t)
		other := spawn(t, "wait")
		rec := capture(t, other.pid).Identity()
		g := guest(t, dir)
		mustDoubt(t, k, dir, &rec, expected(dir), lockedBy(g.pid), "which is alive")
	})
}

// A record of another boot: not even a living process with its number, inode
// and handle counts. A held lock does.
func TestFindOtherBoot(t *testing.T) {
	onKernels(t, func(t *testing.T, k kernel) {
		dir := guestDir(t)
		c := spawn(t, "wait")
		rec := capture(t, c.pid).Identity()
		rec.BootID = "00000000-0000-4000-8000-000000000000"
		mustNotRun(t, k, dir, &rec, expected(dir))
		g := guest(t, dir)
		p, how := mustFind(t, k, dir, &rec, expected(dir))
		if p.Pid() != g.pid || how != ByLock {
			t.Errorf("found %d by %s", p.Pid(), how)
		}
	})
}

func TestFindDamagedRecord(t *testing.T) {
	dir := guestDir(t)
	c := spawn(t, "wait")
	whole := capture(t, c.pid).Identity()
	for name, damage := range map[string]func(*Identity){
		"number":        func(id *Identity) { id.Pid = 0 },
		"its handle":    func(id *Identity) { id.Pid = 1 << 21 },
		"PID 1":         func(id *Identity) { id.Pid = 1 },
		"negative":      func(id *Identity) { id.Pid = -id.Pid },
		"start time":    func(id *Identity) { id.StartTicks = 0 },
		"file handle":   func(id *Identity) { id.Handle = "zz" },
		"file handle 2": func(id *Identity) { id.Handle = strings.Repeat("00", 200) },
	} {
		t.Run(name, func(t *testing.T) {
			rec := whole
			damage(&rec)
			mustDoubt(t, kernel{}, dir, &rec, expected(dir), "record is damaged")
		})
	}
	rec := whole
	rec.Handle = "000000fe" // no handle follows the type
	mustDoubt(t, kernel{}, dir, &rec, expected(dir), "record is damaged")
	rec.Handle = "000000fe01" // a handle of nothing
	mustDoubt(t, kernel{}, dir, &rec, expected(dir), "record is damaged")
	g := guest(t, dir)
	if p, how := mustFind(t, kernel{}, dir, &rec, expected(dir)); p.Pid() != g.pid || how != ByLock {
		t.Errorf("the kernel's attestation does not count beside a damaged record: %d by %s", p.Pid(), how)
	}
}

// Where only start time is left, another program under the number is doubt.
func TestFindByStartWantsMore(t *testing.T) {
	k := kernels["start time"]
	dir := guestDir(t)
	c := spawn(t, "wait", args("-guest", "x"))
	rec := capture(t, c.pid).Identity()
	mustFind(t, k, dir, &rec, Expect{})
	mustFind(t, k, dir, &rec, Expect{Arg: []string{"-guest", "x"}})
	mustDoubt(t, k, dir, &rec, Expect{Arg: []string{"-guest", "y"}}, "start time of the state record")
	rec.ExeIno++
	mustDoubt(t, k, dir, &rec, Expect{}, "start time of the state record")
	mustFind(t, k, dir, &rec, Expect{Arg: []string{"-guest", "x"}})
	rec.StartTicks++
	mustNotRun(t, k, dir, &rec, Expect{})
}

// A guest that shared its open files and ended leaves a lock whose holder's
// number is stale: it may be anybody's by now.
func TestFindLockOutlivesHolder(t *testing.T) {
	dir := guestDir(t)
	g := spawn(t, "share", env("FILE="+pidfileOf(dir)), args("-pidfile", pidfileOf(dir)))
	wantHolder(t, dir, g.pid)
	rest := capture(t, g.told)
	g.say(t, "exit 0")
	_, err := g.Process.Wait() // and not g.reap, which closes stdin: the other ends with it
	ok(t, err)
	g.done = true
	if rest.Ended() {
		t.Fatal("the sharing process ended")
	}
	mustDoubt(t, kernel{}, dir, nil, expected(dir), "locked")
	ok(t, rest.Signal(unix.SIGKILL))
	ok(t, rest.Wait(t.Context()))
	mustNotRun(t, kernel{}, dir, nil, expected(dir))
}

func TestFindOldKernel(t *testing.T) {
	dir := guestDir(t)
	g := guest(t, dir)
	rec := capture(t, g.pid).Identity()
	for _, rec := range []*Identity{nil, &rec} {
		if _, _, err := (kernel{noPidfd: true, noHandle: true}).find(dir, rec, expected(dir)); !errors.Is(err, ErrNoPidfd) {
			t.Errorf("error is %v", err)
		}
	}
}
