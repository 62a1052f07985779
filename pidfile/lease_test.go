package pidfile

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func lease(t testing.TB, dir *os.File) *os.File {
	t.Helper()
	f, held, err := OpenLease(dir)
	ok(t, err)
	if held {
		t.Fatal("the lease is held")
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func wantLease(t *testing.T, dir *os.File, want bool) {
	t.Helper()
	f, held, err := leaseHeld(dir)
	ok(t, err)
	if f != nil {
		f.Close()
	}
	if held != want {
		t.Errorf("lease held: %v", held)
	}
}

func TestLeaseLastsAsLongAsHeirs(t *testing.T) {
	dir := guestDir(t)
	wantLease(t, dir, false)
	f := lease(t, dir)
	parent := spawn(t, "wait", inherit(f))
	heir := spawn(t, "wait", inherit(f))
	ok(t, f.Close())
	for _, c := range []*child{parent, heir} {
		wantLease(t, dir, true)
		if f, held, err := OpenLease(dir); f != nil || !held || err != nil {
			t.Errorf("a second lease: %v, %v, %v", f, held, err)
		}
		c.kill()
	}
	wantLease(t, dir, false)
	lease(t, dir)
}

// Looking at the lease never makes a start believe that a guest runs.
func TestLeaseLookingTakesNothing(t *testing.T) {
	dir := guestDir(t)
	ok(t, lease(t, dir).Close())
	f, _, err := leaseHeld(dir)
	ok(t, err)
	defer f.Close()
	for range 100 {
		wantLease(t, dir, false)
		ok(t, lease(t, dir).Close())
	}
}

func TestLeaseIsReadOnly(t *testing.T) {
	dir := guestDir(t)
	f := lease(t, dir)
	if _, err := f.Write([]byte("x")); !errors.Is(err, unix.EBADF) {
		t.Errorf("written: %v", err)
	}
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0)
	ok(t, err)
	if flags&unix.FD_CLOEXEC == 0 {
		t.Error("it leaks to every child")
	}
}

func TestLeaseTampered(t *testing.T) {
	for name, act := range tampered(os.Getpid()) {
		t.Run(name, func(t *testing.T) {
			dir := guestDir(t)
			ok(t, act(dir.Name()+"/"+LeaseFile))
			_, _, err := OpenLease(dir)
			isA[*SuspectError](t, err)
			mustDoubt(t, kernel{}, dir, nil, expected(dir), "cannot trust")
		})
	}
}

func TestFindLeased(t *testing.T) {
	dir := guestDir(t)
	look := args("-pidfile", pidfileOf(dir))
	f := lease(t, dir)
	helper := spawn(t, "wait", inherit(f)) // as virtiofsd or swtpm is
	ok(t, f.Close())
	mustDoubt(t, kernel{}, dir, nil, expected(dir), "lease is held", "command line has no", text(helper.pid))
	helper.kill()

	f = lease(t, dir)
	helper = spawn(t, "wait", inherit(f))
	g := spawn(t, "wait", inherit(f), look)
	spawn(t, "wait", look) // looks the same, holds nothing
	reader, err := os.Open(f.Name())
	ok(t, err)
	defer reader.Close()
	spawn(t, "wait", inherit(reader), look) // looks the same, has merely opened it
	ok(t, f.Close())
	p, how := mustFind(t, kernel{}, dir, nil, expected(dir))
	if p.Pid() != g.pid || how != ByLease {
		t.Errorf("found %d by %s, want %d", p.Pid(), how, g.pid)
	}
	mustDoubt(t, kernel{}, dir, nil, Expect{}, "nothing is known")

	g.kill()
	mustDoubt(t, kernel{}, dir, nil, expected(dir), text(helper.pid))
	helper.kill()
	mustNotRun(t, kernel{}, dir, nil, expected(dir))
}

// Somebody unlinked the pidfile of a live guest, and the record is lost: a
// second start must not follow (reliability: two guests on one disk).
func TestFindLeasedAfterUnlink(t *testing.T) {
	dir := guestDir(t)
	f := lease(t, dir)
	g := guest(t, dir, inherit(f))
	ok(t, f.Close())
	g.say(t, "unlink")
	g.line(t)
	p, how := mustFind(t, kernel{}, dir, nil, expected(dir))
	if p.Pid() != g.pid || how != ByLease {
		t.Errorf("found %d by %s", p.Pid(), how)
	}
	stale := capture(t, spawn(t, "wait").pid).Identity()
	stale.StartTicks--
	old := kernels["start time"]
	if p, how := mustFind(t, old, dir, &stale, expected(dir)); p.Pid() != g.pid || how != ByLease {
		t.Errorf("beside a stale record: %d by %s", p.Pid(), how)
	}
}

func TestFindTwoLeased(t *testing.T) {
	dir := guestDir(t)
	f := lease(t, dir)
	look := args("-pidfile", pidfileOf(dir))
	a, b := spawn(t, "wait", inherit(f), look), spawn(t, "wait", inherit(f), look)
	ok(t, f.Close())
	mustDoubt(t, kernel{}, dir, nil, expected(dir), text(a.pid), text(b.pid), "looks like the guest's")
}

// We hold it ourselves while a guest is being started.
func TestFindOwnLease(t *testing.T) {
	dir := guestDir(t)
	lease(t, dir)
	mustDoubt(t, kernel{}, dir, nil, expected(dir), "no process that can be seen from here")
}

func text(pid int) string { return fmt.Sprintf("process %d", pid) }
