package pidfile

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// creators are both ways of writing aside.
var creators = map[string]create{"without a name": unnamed, "under a name": scratch}

func names(t *testing.T, dir *os.File) string {
	t.Helper()
	entries, err := os.ReadDir(dir.Name())
	ok(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func TestWriteFile(t *testing.T) {
	for how, create := range creators {
		t.Run(how, func(t *testing.T) {
			dir := guestDir(t)
			for i, content := range []string{"one", "", "three is longer"} {
				perm := os.FileMode(0o600 + i*0o22)
				ok(t, writeFile(dir, "state.json", []byte(content), perm, create))
				path := filepath.Join(dir.Name(), "state.json")
				got, err := os.ReadFile(path)
				ok(t, err)
				st, err := os.Stat(path)
				ok(t, err)
				if string(got) != content || st.Mode() != perm {
					t.Errorf("content %q mode %v, want %q %v", got, st.Mode(), content, perm)
				}
			}
			if got := names(t, dir); got != "state.json" {
				t.Errorf("left behind: %s", got)
			}
		})
	}
}

func TestWriteFileRefuses(t *testing.T) {
	for name, act := range tampered(os.Getpid()) {
		if strings.Contains(name, "may write") || name == "hard links" {
			continue // a regular file is replaced, whoever could write it
		}
		dir := guestDir(t)
		ok(t, act(pidfileOf(dir)))
		isA[*SuspectError](t, WriteFile(dir, PidFile, []byte("x"), 0o600))
		if strings.Contains(names(t, dir), ".new") {
			t.Errorf("%s: left behind: %s", name, names(t, dir))
		}
	}
}

func TestWriteFileFails(t *testing.T) {
	dir := guestDir(t)
	ok(t, os.Mkdir(dir.Name()+"/.x.new", 0o700)) // in the way of the name aside
	if err := WriteFile(dir, "x", nil, 0o600); err == nil {
		t.Error("written")
	}
	ok(t, os.Remove(dir.Name()+"/.x.new"))
	long := strings.Repeat("x", 255) // no room for a name aside
	for _, create := range creators {
		if err := writeFile(dir, long, nil, 0o600, create); err == nil {
			t.Error("written")
		}
	}
	if got := names(t, dir); got != "" {
		t.Errorf("left behind: %s", got)
	}
	ok(t, os.Remove(dir.Name()))
	for _, create := range creators {
		if err := writeFile(dir, "x", nil, 0o600, create); err == nil {
			t.Error("written below a directory that is gone")
		}
	}
}

func TestWriteFileByMany(t *testing.T) {
	for how, create := range creators {
		t.Run(how, func(t *testing.T) {
			dir := guestDir(t)
			var all sync.WaitGroup
			for i := range 32 {
				all.Go(func() {
					for range 20 {
						if err := writeFile(dir, "x", versions[i%2], 0o600, create); err != nil {
							t.Error(err)
						}
					}
				})
			}
			all.Wait()
			mustBeWhole(t, dir)
			if got := names(t, dir); got != "x" {
				t.Errorf("left behind: %s", got)
			}
		})
	}
}

// versions differ in every byte and in length.
var versions = [2][]byte{bytes.Repeat([]byte("a"), 100_000), bytes.Repeat([]byte("b"), 33_333)}

func mustBeWhole(t *testing.T, dir *os.File) {
	t.Helper()
	got, err := os.ReadFile(dir.Name() + "/x")
	ok(t, err)
	if !bytes.Equal(got, versions[0]) && !bytes.Equal(got, versions[1]) {
		t.Fatalf("torn: %d bytes, from %.10q to %.10q", len(got), got, got[max(0, len(got)-10):])
	}
}

// writeForever is a part of the helper: FILE is the guest's directory.
func writeForever(path string) {
	dir, err := OpenDir(path, false)
	must(err)
	ready()
	for i := 0; ; i++ {
		must(WriteFile(dir, "x", versions[i%2], 0o600))
	}
}

func TestWriteFileKilled(t *testing.T) {
	rounds := 100
	if testing.Short() {
		rounds = 20
	}
	dir := guestDir(t)
	ok(t, WriteFile(dir, "x", versions[0], 0o600))
	for range rounds {
		c := spawn(t, "write", env("FILE="+dir.Name()))
		time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
		c.kill()
		mustBeWhole(t, dir)
	}
	ok(t, WriteFile(dir, "x", versions[1], 0o600))
	if got := names(t, dir); got != "x" {
		t.Errorf("the next writer does not take away what crashes left: %s", got)
	}
}

// What is written aside never leaves the directory by a link in its place.
func TestWriteFileAsideIsALink(t *testing.T) {
	dir := guestDir(t)
	victim := filepath.Join(t.TempDir(), "victim")
	ok(t, os.WriteFile(victim, []byte("untouched"), 0o600))
	ok(t, os.Symlink(victim, dir.Name()+"/.x.new"))
	ok(t, WriteFile(dir, "x", []byte("new"), 0o600))
	got, err := os.ReadFile(victim)
	ok(t, err)
	var st unix.Stat_t
	ok(t, unix.Lstat(dir.Name()+"/x", &st))
	if string(got) != "untouched" || st.Mode&unix.S_IFMT != unix.S_IFREG {
		t.Errorf("victim holds %q, mode of x is %#o", got, st.Mode)
	}
}
