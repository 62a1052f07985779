package pidfile

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// thousand starts that many processes, each with its pidfile locked.
func thousand(b *testing.B) (dirs []*os.File, recs []Identity) {
	b.Helper()
	root := b.TempDir()
	few := func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, "GOMAXPROCS=1", "GOGC=off") }
	for i := range 1000 {
		dir, err := OpenDir(fmt.Sprintf("%s/guestrc/qemu.%d", root, i), true)
		ok(b, err)
		b.Cleanup(func() { dir.Close() })
		p, err := Capture(guest(b, dir, few).pid)
		ok(b, err)
		dirs, recs = append(dirs, dir), append(recs, p.Identity())
		ok(b, p.Close())
	}
	return dirs, recs
}

// BenchmarkFind is the cost of one Find among 1,000 running guests; 1,000 of
// them are a "status" of all, without reading the records.
func BenchmarkFind(b *testing.B) {
	dirs, recs := thousand(b)
	run := func(k kernel, how How, record bool) func(*testing.B) {
		return func(b *testing.B) {
			for i := 0; b.Loop(); i = (i + 1) % len(dirs) {
				rec := &recs[i]
				if !record {
					rec = nil
				}
				p, got, err := k.find(dirs[i], rec, expected(dirs[i]))
				if err != nil || got != how || p.Pid() != recs[i].Pid {
					b.Fatal(p, got, err)
				}
				p.Close()
			}
		}
	}
	b.Run("handle", run(kernel{}, ByHandle, true))
	b.Run("inode", run(kernel{noHandle: true}, ByInode, true))
	b.Run("start", run(kernel{noHandle: true, noInode: true}, ByStart, true))
	b.Run("lock", run(kernel{}, ByLock, false))
	b.Run("opendir", func(b *testing.B) {
		for i := 0; b.Loop(); i = (i + 1) % len(dirs) {
			dir, err := OpenDir(dirs[i].Name(), false)
			ok(b, err)
			p, _, err := Find(dir, &recs[i], Expect{})
			ok(b, err)
			p.Close()
			dir.Close()
		}
	})
	b.Run("notrunning", func(b *testing.B) {
		dir, err := OpenDir(b.TempDir()+"/guestrc/qemu.none", true)
		ok(b, err)
		ok(b, os.WriteFile(pidfileOf(dir), []byte("1\n"), 0o600))
		f, _, err := OpenLease(dir)
		ok(b, err)
		ok(b, f.Close())
		for b.Loop() {
			if _, _, err := Find(dir, nil, Expect{}); err == nil {
				b.Fatal("found")
			}
		}
	})
	b.Run("lease", func(b *testing.B) {
		dir, err := OpenDir(b.TempDir()+"/guestrc/qemu.leased", true)
		ok(b, err)
		f := lease(b, dir)
		c := spawn(b, "wait", inherit(f), args("-pidfile", pidfileOf(dir)))
		ok(b, f.Close())
		for b.Loop() {
			p, how, err := Find(dir, nil, expected(dir))
			if err != nil || how != ByLease || p.Pid() != c.pid {
				b.Fatal(p, how, err)
			}
			p.Close()
		}
	})
}

func BenchmarkCapture(b *testing.B) {
	pid := sleeper(b).Pid()
	for b.Loop() {
		p, err := Capture(pid)
		ok(b, err)
		p.Close()
	}
}

// BenchmarkSignal is a signal with all its refusals.
func BenchmarkSignal(b *testing.B) {
	p := sleeper(b)
	for b.Loop() {
		ok(b, p.Signal(0))
	}
}

// BenchmarkWait measures how long after the kernel tells the parent of the end
// (waitid) Wait returns to somebody else. Both wake at the same event, so that
// differences can be negative.
func BenchmarkWait(b *testing.B) {
	var late []time.Duration
	for b.Loop() {
		late = append(late, lateness(b))
	}
	slices.Sort(late)
	at := func(q float64) float64 { return float64(late[int(q*float64(len(late)-1))].Microseconds()) }
	b.ReportMetric(at(0.5), "µs-late-p50")
	b.ReportMetric(at(0.99), "µs-late-p99")
	b.ReportMetric(at(1), "µs-late-max")
}

func lateness(b *testing.B) time.Duration {
	cmd := exec.Command("sleep", "1000")
	ok(b, cmd.Start())
	p, err := Capture(cmd.Process.Pid)
	ok(b, err)
	defer p.Close()
	parent := make(chan time.Time, 1)
	waited := make(chan time.Time, 1)
	go func() {
		var info unix.Siginfo
		unix.Waitid(unix.P_PID, cmd.Process.Pid, &info, unix.WEXITED|unix.WNOWAIT, nil)
		parent <- time.Now()
	}()
	go func() {
		p.Wait(b.Context())
		waited <- time.Now()
	}()
	time.Sleep(200 * time.Microsecond) // both should be asleep by now
	ok(b, p.Signal(unix.SIGKILL))
	late := (<-waited).Sub(<-parent)
	cmd.Wait()
	return late
}
