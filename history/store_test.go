package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/shutdown"
)

func newStore(t *testing.T) Store {
	t.Helper()
	return Store{Dir: filepath.Join(t.TempDir(), "guestrc", "history")}
}

func entry(text string) Entry {
	return Entry{Guest: "qemu.db", Event: Stop, Began: time.Unix(1e9, 0).UTC(), At: time.Unix(1e9+3, 0).UTC(), Text: text}
}

func appendTo(t *testing.T, s Store, e Entry) {
	t.Helper()
	if err := s.Append(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, s Store) []Entry {
	t.Helper()
	got, err := s.Read("qemu.db")
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestWhatIsAppendedIsRead(t *testing.T) {
	s := newStore(t)
	if got := read(t, s); got != nil {
		t.Fatalf("before the first: %v", got)
	}
	want := []Entry{
		{Guest: "qemu.db", Event: Start, Began: time.Unix(1e9, 5e6).UTC(), At: time.Unix(1e9+1, 0).UTC(), BootID: "b", Uptime: 12.5,
			Occasion: &Occasion{ID: "1", What: StartAll, Began: time.Unix(1e9, 0).UTC()}, After: []string{"lxc.a"}, PID: 7,
			Up: time.Unix(1e9, 6e6).UTC(), Ready: true, Fresh: true},
		{Guest: "qemu.db", Event: Stop, Began: time.Unix(1e9+5, 0).UTC(), At: time.Unix(1e9+7, 0).UTC(), Error: "two\nlines \xff", Cause: "guest-shutdown",
			Text: "down", Schedule: "acpi/60", Exit: &pidfile.ExitStatus{Signal: unix.SIGSEGV, Core: true},
			Stop: &shutdown.Record{Down: true, By: "acpi", Took: shutdown.Duration(2 * time.Second),
				Rungs: []shutdown.Outcome{{Verb: "acpi", Result: shutdown.Down, Notes: []string{"n"}, Took: shutdown.Duration(time.Second)}}}},
	}
	for _, e := range want {
		appendTo(t, s, e)
	}
	for i := range want {
		want[i].Version = 1
	}
	want[1].Error = "two\nlines \uFFFD"
	if diff := cmp.Diff(want, read(t, s)); diff != "" {
		t.Error(diff)
	}
	for path, mode := range map[string]fs.FileMode{s.Dir: 0o755 | fs.ModeDir, s.path("qemu.db"): 0o644} {
		if info, err := os.Stat(path); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v; want mode %v", path, info.Mode(), err, mode)
		}
	}
}

func TestAnEntryAfterATornLineIsNotLost(t *testing.T) {
	s := newStore(t)
	appendTo(t, s, entry("first"))
	tear(t, s, `{"v":1,"guest":"qemu.db","ev`)
	if got := read(t, s); len(got) != 1 { // it may be under way
		t.Errorf("with a line under way: %d entries", len(got))
	}
	appendTo(t, s, entry("second"))
	got, err := s.Read("qemu.db")
	if len(got) != 2 || got[1].Text != "second" {
		t.Errorf("entries: %+v", got)
	}
	var damage *DamagedError
	if !errors.As(err, &damage) || damage.Count != 1 || !strings.Contains(err.Error(), s.path("qemu.db")+":2: it is torn") {
		t.Errorf("error: %v", err)
	}
}

func tear(t *testing.T, s Store, text string) {
	t.Helper()
	f, err := os.OpenFile(s.path("qemu.db"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func TestForeignLinesArePassedOverAndTold(t *testing.T) {
	s := newStore(t)
	appendTo(t, s, entry("first"))
	tear(t, s, strings.Join([]string{
		`{"v":2,"guest":"qemu.db","event":"stop","at":"2026-01-01T00:00:00Z"}`,
		`{"v":1,"guest":"qemu.other","event":"stop","at":"2026-01-01T00:00:00Z"}`,
		`{"v":1,"guest":"qemu.db","event":"dance","at":"2026-01-01T00:00:00Z"}`,
		`{"v":1,"guest":"qemu.db","event":"stop"}`,
		``,
		`[]`, ""}, "\n"))
	appendTo(t, s, entry("last"))
	got, err := s.Read("qemu.db")
	if len(got) != 2 {
		t.Errorf("entries: %+v", got)
	}
	var damage *DamagedError
	if !errors.As(err, &damage) || damage.Count != 5 || len(damage.Lines) != 3 || damage.Lines[2].Line != 7 {
		t.Errorf("error: %v", err)
	}
	if last, err := s.Last("qemu.db", 1); err != nil || len(last) != 1 || last[0].Text != "last" {
		t.Errorf("the last one, which is whole: %v, %v", last, err)
	}
}

func TestAFileIsBoundedAndKeepsTheNewest(t *testing.T) {
	s := newStore(t)
	s.Max = 8 << 10
	for i := range 500 {
		appendTo(t, s, entry(fmt.Sprint(i)))
		if info, err := os.Stat(s.path("qemu.db")); err != nil || info.Size() > s.Max {
			t.Fatalf("%d bytes, %v", info.Size(), err)
		}
	}
	got := read(t, s)
	if len(got) < 10 {
		t.Fatalf("%d entries are left", len(got))
	}
	for i, e := range got {
		if want := fmt.Sprint(500 - len(got) + i); e.Text != want {
			t.Fatalf("entry %d is %q, want %q: one was lost", i, e.Text, want)
		}
	}
	if names, err := os.ReadDir(s.Dir); err != nil || len(names) != 2 {
		t.Errorf("beside the file there is more than a lock: %v, %v", names, err)
	}
}

func TestWhatIsLongIsCut(t *testing.T) {
	s := newStore(t)
	e := entry(strings.Repeat("ä", 1<<20))
	e.Stop = &shutdown.Record{}
	for range 50 {
		e.Stop.Rungs = append(e.Stop.Rungs, shutdown.Outcome{Verb: "acpi", Notes: []string{strings.Repeat("n", 1000)}})
	}
	appendTo(t, s, e)
	got := read(t, s)[0]
	if len(got.Text) > 2*textMax || strings.Contains(got.Text, "\uFFFD") || len(got.Stop.Rungs) != 50 || e.Stop.Rungs[0].Notes == nil {
		t.Errorf("read back: %d bytes of text, %d rungs", len(got.Text), len(got.Stop.Rungs))
	}
}

func TestWhatOthersPutThereIsRefused(t *testing.T) {
	victim := filepath.Join(t.TempDir(), "victim")
	for name, put := range map[string]func(path string) error{
		"a symlink":   func(path string) error { return os.Symlink(victim, path) },
		"a FIFO":      func(path string) error { return unix.Mkfifo(path, 0o644) },
		"a directory": func(path string) error { return os.Mkdir(path, 0o755) },
		"others'":     func(path string) error { return errors.Join(os.WriteFile(path, nil, 0o644), os.Chmod(path, 0o666)) },
		"a hard link": func(path string) error {
			return errors.Join(os.WriteFile(path+"2", nil, 0o644), os.Link(path+"2", path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			if err := os.MkdirAll(s.Dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := put(s.path("qemu.db")); err != nil {
				t.Fatal(err)
			}
			var suspect *pidfile.SuspectError
			if err := s.Append(t.Context(), entry("")); !errors.As(err, &suspect) {
				t.Errorf("append: %v", err)
			}
			if _, err := s.Read("qemu.db"); !errors.As(err, &suspect) {
				t.Errorf("read: %v", err)
			}
			if _, err := os.Lstat(victim); err == nil {
				t.Error("written through the link")
			}
		})
	}
	for _, name := range []string{"", "db", "../qemu.db", "qemu.d/b", "qemu.", ".db", "qemu.d\x00b", "qemu." + strings.Repeat("x", 300)} {
		e := entry("")
		e.Guest = name
		if s := newStore(t); s.Append(t.Context(), e) == nil {
			t.Errorf("%q passes for a name", name)
		}
	}
}

// One that stops last follows all others.
func TestAThousandPredecessorsDoNotKeepAnEntryOut(t *testing.T) {
	s := newStore(t)
	e := entry("down")
	for i := range 1000 {
		e.After = append(e.After, fmt.Sprintf("qemu.machine%04d", i))
	}
	e.Stop = &shutdown.Record{Rungs: []shutdown.Outcome{{Verb: "acpi", Notes: []string{"2nd press"}}}}
	appendTo(t, s, e)
	if got := read(t, s)[0]; got.Text != "down" || len(got.Stop.Rungs[0].Notes) != 1 {
		t.Errorf("read back: %+v", got)
	}
}

// A new file, and one that is shortened, waits for the disk under the lock.
func TestOneGuestDoesNotWaitForAnother(t *testing.T) {
	s := newStore(t)
	appendTo(t, s, entry(""))
	dir, err := pidfile.OpenDir(s.Dir, false)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names { // whatever file it is that an append locks
		unlock, err := pidfile.LockNamed(t.Context(), dir, name)
		if err != nil && !errors.As(err, new(*pidfile.SuspectError)) {
			t.Fatal(err)
		}
		if err == nil {
			defer unlock()
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	e := entry("")
	e.Guest = "qemu.web"
	if err := s.Append(ctx, e); err != nil {
		t.Error(err)
	}
}

func TestAllAreInTheOrderOfTime(t *testing.T) {
	s := newStore(t)
	for i := range 30 {
		e := entry("")
		e.Guest = fmt.Sprintf("qemu.g%d", i%3)
		e.At = time.Unix(int64(1e9+i*7%30), 0)
		appendTo(t, s, e)
	}
	if err := os.WriteFile(filepath.Join(s.Dir, ".qemu.x.jsonl.new"), []byte("left by a crash\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	all, err := s.All(0)
	if err != nil || len(all) != 30 {
		t.Fatalf("%d entries, %v", len(all), err)
	}
	for i := range all[1:] {
		if all[i+1].At.Before(all[i].At) {
			t.Errorf("%v comes before %v", all[i].At, all[i+1].At)
		}
	}
	if last, err := s.All(2); err != nil || len(last) != 6 {
		t.Errorf("the last two of each: %d, %v", len(last), err)
	}
}

// Another's lock is not waited for without end: a stop may wait for this.
func TestAHeldLockIsGivenUp(t *testing.T) {
	s := newStore(t)
	appendTo(t, s, entry(""))
	dir, err := pidfile.OpenDir(s.Dir, false)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	unlock, err := pidfile.LockNamed(t.Context(), dir, "qemu.db.lock")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Append(ctx, entry("")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("append: %v", err)
	}
}

func TestConcurrentAppendsAndRotationsLoseNothing(t *testing.T) {
	s := newStore(t)
	s.Max = 64 << 10
	const writers, each = 8, 60 // some 90 KiB: rotated once, and most are kept
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				if err := s.Append(t.Context(), entry(fmt.Sprintf("%d %d %s", w, i, strings.Repeat("x", 40)))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	got := read(t, s)
	next := map[int]int{}
	for _, e := range got {
		var w, i int
		if _, err := fmt.Sscanf(e.Text, "%d %d", &w, &i); err != nil {
			t.Fatal(err)
		}
		if last, seen := next[w]; seen && i != last {
			t.Errorf("writer %d: %d follows %d", w, i, last-1)
		}
		next[w] = i + 1
	}
	for w := range writers {
		if next[w] != each {
			t.Errorf("of writer %d the last is %d", w, next[w]-1)
		}
	}
}

func FuzzScan(f *testing.F) {
	one, err := line(entry("down in 3.1 s by acpi"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(one, 0)
	f.Add(append(bytes.Repeat(one, 3), one[:20]...), 2)
	f.Add([]byte("\n\n{}\n[1]\n{\"v\":1}\n"), 1)
	f.Fuzz(func(t *testing.T, data []byte, n int) {
		n = max(0, n)
		entries, bad := scan(data, 0, "qemu.db", n)
		if n > 0 && len(entries) > n || len(entries)+len(bad) > bytes.Count(data, []byte{'\n'}) {
			t.Fatalf("%d entries, %d faults", len(entries), len(bad))
		}
		for _, b := range bad {
			if b.at < 0 || b.at >= int64(len(data)) || lineOf(bytes.NewReader(data), b.at) < 1 {
				t.Errorf("a fault at %d of %d", b.at, len(data))
			}
		}
		for _, e := range entries {
			text, err := line(e)
			if err != nil { // too long
				continue
			}
			if _, err := parse(text, "qemu.db"); err != nil {
				t.Errorf("%s is written as %s: %v", data, text, err)
			}
		}
		limited, _, err := tail(bytes.NewReader(data), int64(len(data)), "qemu.db", n)
		if err != nil || len(limited) != len(entries) {
			t.Errorf("by windows: %d entries, %v; want %d", len(limited), err, len(entries))
		}
	})
}
