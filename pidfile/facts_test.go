package pidfile

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestFactsAreAboutTheProcess(t *testing.T) {
	file := t.TempDir() + "/pid"
	c := spawn(t, "lock", env("FILE="+file))
	p := capture(t, c.pid)
	f, err := os.Open(file)
	ok(t, err)
	defer f.Close()
	text, err := p.ReadProc("cmdline", 1<<20)
	ok(t, err)
	if !strings.HasPrefix(string(text), os.Args[0]+"\x00") {
		t.Errorf("cmdline is %q", text)
	}
	if text, err := p.ReadProc("cmdline", 3); err != nil || len(text) > 3 {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := p.ReadProc("no-such-file", 10); !errors.Is(err, unix.ENOENT) {
		t.Error(err)
	}
	var root unix.Stat_t
	ok(t, unix.Stat("/", &root))
	if st, err := p.StatProc("root"); err != nil || st.Ino != root.Ino {
		t.Errorf("%v, %v", st.Ino, err)
	}
	if text, is, err := p.Runs(testBinary); !is || err != nil || text != testBinary {
		t.Errorf("%s, %v, %v", text, is, err)
	}
	if _, is, err := p.Runs("/bin/sh"); is || err != nil {
		t.Errorf("%v, %v", is, err)
	}
	if !p.KeepsOpen(f) || capture(t, os.Getppid()).KeepsOpen(f) {
		t.Error("who has the file open is not told")
	}

	c.kill() // and reaped: whatever has the number now is another
	_, err = p.ReadProc("cmdline", 10)
	_, statErr := p.StatProc("root")
	_, _, runsErr := p.Runs(testBinary)
	for _, err := range []error{err, statErr, runsErr} {
		if !errors.Is(err, ErrGone) {
			t.Error(err)
		}
	}
	if p.KeepsOpen(f) {
		t.Error("one that has ended keeps a file open")
	}
}
