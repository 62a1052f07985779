package pidfile

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestHandleText(t *testing.T) {
	h := unix.NewFileHandle(254, []byte{1, 2, 0xff})
	text := formatHandle(h)
	if text != "000000fe0102ff" {
		t.Error(text)
	}
	back, err := parseHandle(text)
	ok(t, err)
	if back.Type() != h.Type() || string(back.Bytes()) != string(h.Bytes()) {
		t.Error("read back:", back.Type(), back.Bytes())
	}
	for _, bad := range []string{"", "000000fe", "0", "zz", "000000fe0", strings.Repeat("0", 300)} {
		if _, err := parseHandle(bad); err == nil {
			t.Errorf("%q is a handle", bad)
		}
	}
}

// A handle of something else, and answers that mean "ask in another way".
func TestOpenHandle(t *testing.T) {
	p := capture(t, spawn(t, "wait").pid)
	for name, k := range map[string]kernel{"root": {}, "self": {noRoot: true}} {
		for text, want := range map[string]error{
			p.Identity().Handle:        nil,
			"000000feffffffffffffffff": ErrGone, // a process that never was
			"000000010000000000000000": nil,     // another type: the kernel decides
			"000000fe01":               ErrGone, // too short
		} {
			fd, err := k.openHandle(text)
			if err == nil {
				unix.Close(fd)
			}
			if text == "000000010000000000000000" {
				if err == nil {
					t.Errorf("%s: a foreign handle was opened", name)
				}
				continue
			}
			if !errors.Is(err, want) {
				t.Errorf("%s: %s: %v, want %v", name, text, err, want)
			}
		}
		if _, err := k.openHandle("no hex"); err == nil {
			t.Error("opened nonsense")
		}
	}
	if _, err := (kernel{noHandle: true}).openHandle(p.Identity().Handle); err != errUnsupported {
		t.Errorf("without handles: %v", err)
	}
}

// A descriptor that is no pidfd has neither handle nor inode.
func TestKernelOfOrdinaryFile(t *testing.T) {
	f, err := os.Open(".")
	ok(t, err)
	defer f.Close()
	fd := int(f.Fd())
	var k kernel
	if k.handle(fd) != "" || k.inode(fd) != 0 {
		t.Error("a directory has the handle of a process")
	}
	if _, known := k.exit(fd); known {
		t.Error("a directory has ended")
	}
	if _, err := k.pid(fd); err == nil {
		t.Error("a directory has a process number")
	}
	if k.inode(-1) != 0 {
		t.Error("no descriptor has an inode")
	}
	if _, err := k.pid(-1); err == nil {
		t.Error("no descriptor has a process number")
	}
}

func TestPidFromFdinfo(t *testing.T) {
	c := spawn(t, "wait")
	fd, err := unix.PidfdOpen(c.pid, 0)
	ok(t, err)
	defer unix.Close(fd)
	if pid, err := pidFromFdinfo(fd); pid != c.pid || err != nil {
		t.Errorf("%d, %v", pid, err)
	}
	c.kill()
	if _, err := pidFromFdinfo(fd); !errors.Is(err, ErrGone) {
		t.Errorf("of a reaped one: %v", err)
	}
}
