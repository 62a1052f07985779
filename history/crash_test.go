package history

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/need"
)

// appenderVar makes this program one that appends until it is killed.
const appenderVar = "GUESTRC_TEST_APPENDER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(appenderVar); dir != "" {
		appendForever(Store{Dir: dir, Max: 16 << 10})
	}
	os.Exit(m.Run())
}

// appendForever prints the number of each entry that it was told is kept.
func appendForever(s Store) {
	var first int
	fmt.Sscan(os.Args[len(os.Args)-1], &first)
	for i := first; ; i++ {
		if err := s.Append(context.Background(), entry(fmt.Sprint(i))); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(i)
	}
}

// TestKilledAppendersLoseNothing kills appenders at random moments, in the
// middle of appends and of rotations: what was said to be kept is there, but
// for what a rotation took away, and in order.
func TestKilledAppendersLoseNothing(t *testing.T) {
	s := newStore(t)
	s.Max = 16 << 10
	last := -1
	for range 40 {
		cmd := exec.CommandContext(t.Context(), "/proc/self/exe", fmt.Sprint(last+1))
		cmd.Env = append(os.Environ(), appenderVar+"="+s.Dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(10*time.Millisecond+rand.N(60*time.Millisecond), func() { cmd.Process.Kill() })
		said, err := io.ReadAll(out)
		cmd.Wait() // it was killed
		kill.Stop()
		if err != nil {
			t.Fatal(err)
		}
		kept := strings.Fields(string(said))
		if len(kept) > 0 {
			if _, err := fmt.Sscan(kept[len(kept)-1], &last); err != nil {
				t.Fatalf("the appender says %q", said)
			}
		}
		entries, err := s.Read("qemu.db")
		if damage := new(DamagedError); err != nil && !errors.As(err, &damage) {
			t.Fatal(err)
		}
		if last < 0 {
			continue
		}
		if len(entries) == 0 {
			t.Fatalf("nothing is left of %d entries", last+1)
		}
		// One more than was said may be there, written before it could say so.
		var newest int
		fmt.Sscan(entries[len(entries)-1].Text, &newest)
		if newest != last && newest != last+1 {
			t.Fatalf("the newest entry is %d, kept was %d", newest, last)
		}
		last = newest
		for i, e := range entries {
			if want := fmt.Sprint(newest - len(entries) + 1 + i); e.Text != want {
				t.Fatalf("entry %s stands where %s was to be", e.Text, want)
			}
		}
	}
	if last < 100 {
		t.Errorf("only %d entries were written: too few to see a rotation", last+1)
	}
}

func TestAFullDiskTearsNothingThatWasThere(t *testing.T) {
	need.Root(t)
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=32k,mode=0755"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(disk, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s := Store{Dir: disk + "/guestrc/history"}
	kept := 0
	for ; ; kept++ {
		err := s.Append(t.Context(), entry(fmt.Sprint(kept)))
		if errors.Is(err, unix.ENOSPC) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if kept > 1000 {
			t.Fatal("the disk does not fill")
		}
	}
	if got := read(t, s); len(got) != kept {
		t.Fatalf("%d entries of %d are left", len(got), kept)
	}
	if err := unix.Mount("tmpfs", disk, "tmpfs", unix.MS_REMOUNT, "size=64k"); err != nil {
		t.Fatal(err)
	}
	appendTo(t, s, entry("again"))
	if got := read(t, s); len(got) != kept+1 || got[kept].Text != "again" {
		t.Errorf("%d entries, want %d", len(got), kept+1)
	}
}
