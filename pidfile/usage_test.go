package pidfile

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	spentTime   = 200 * time.Millisecond
	spentMemory = 32 << 20
)

// spend is the part of a process that has used so much, and keeps the memory.
func spend() {
	memory := make([]byte, spentMemory)
	for i := 0; i < len(memory); i += os.Getpagesize() {
		memory[i] = 1
	}
	var used unix.Rusage
	for time.Duration(used.Utime.Nano()+used.Stime.Nano()) < spentTime {
		must(unix.Getrusage(unix.RUSAGE_SELF, &used))
		memory[0]++
	}
	ready()
	obey()
	runtime.KeepAlive(memory)
}

func TestUsageIsThatOfTheProcess(t *testing.T) {
	idle, busy := spawn(t, "wait"), spawn(t, "spend")
	a, err := capture(t, idle.pid).Usage()
	ok(t, err)
	p := capture(t, busy.pid)
	b, err := p.Usage()
	ok(t, err)
	if b.CPU < spentTime-tick || b.CPU > time.Minute {
		t.Errorf("%v of processor time, of at least %v", b.CPU, spentTime)
	}
	if b.Resident < a.Resident+spentMemory*9/10 { // the kernel counts in batches
		t.Errorf("%d bytes, beside one of %d that has %d less", b.Resident, a.Resident, spentMemory)
	}
	ok(t, p.Signal(unix.SIGKILL))
	ok(t, p.Wait(t.Context()))
	if u, err := p.Usage(); !errors.Is(err, ErrGone) {
		t.Errorf("of a zombie: %+v, %v", u, err)
	}
	busy.reap()
	if u, err := p.Usage(); !errors.Is(err, ErrGone) {
		t.Errorf("of one that is gone: %+v, %v", u, err)
	}
}

// What a process writes is counted once it is on its way to the disk, which
// fsync(2) makes sure of; tmpfs has none.
func TestBytesWritten(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	ok(t, err)
	defer f.Close()
	self := capture(t, os.Getpid())
	before, err := self.Usage()
	ok(t, err)
	var fs unix.Statfs_t
	ok(t, unix.Fstatfs(int(f.Fd()), &fs))
	const size = 1 << 20
	_, err = f.Write(make([]byte, size))
	ok(t, err)
	ok(t, f.Sync())
	after, err := self.Usage()
	ok(t, err)
	if grown := after.Written - before.Written; fs.Type == unix.TMPFS_MAGIC || fs.Type == unix.OVERLAYFS_SUPER_MAGIC {
		t.Logf("on a file system of type %#x: %d", fs.Type, grown)
	} else if grown < size {
		t.Errorf("%d bytes written, of %d", grown, size)
	}
}

func TestAge(t *testing.T) {
	began := time.Now()
	p := capture(t, spawn(t, "wait").pid)
	age, err := p.Age()
	ok(t, err)
	if age < 0 || age > time.Since(began)+2*tick {
		t.Errorf("%v, of a process that was started %v ago", age, time.Since(began))
	}
}

func TestIOIsParsed(t *testing.T) {
	const text = "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\nwrite_bytes: 18446744073709551615\ncancelled_write_bytes: 7\n"
	if r, w := parseIO([]byte(text)); r != 5 || w != 1<<64-1 {
		t.Error(r, w)
	}
	for _, bad := range []string{"", "read_bytes", "read_bytes: \nwrite_bytes: -1\n", "read_bytes: 1x"} {
		if r, w := parseIO([]byte(bad)); r != 0 || w != 0 {
			t.Errorf("%q: %d %d", bad, r, w)
		}
	}
}

func FuzzParseIO(f *testing.F) {
	f.Add([]byte("read_bytes: 5\nwrite_bytes: 6\n"))
	f.Add([]byte("\n: \nread_bytes: x"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if r, w := parseIO(append(text, "\nread_bytes: 5\nwrite_bytes: 6\n"...)); r != 5 || w != 6 {
			t.Errorf("%q: %d, %d", text, r, w)
		}
	})
}
