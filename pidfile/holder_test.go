package pidfile

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func wantHolder(t *testing.T, dir *os.File, want int) {
	t.Helper()
	pid, held, err := Holder(dir, PidFile)
	if err != nil || held != (want != 0) || pid != want {
		t.Errorf("holder is %d, %v, %v; want %d", pid, held, err, want)
	}
}

func TestHolder(t *testing.T) {
	dir := guestDir(t)
	wantHolder(t, dir, 0) // absent
	g := guest(t, dir)
	wantHolder(t, dir, g.pid)
	ok(t, os.WriteFile(pidfileOf(dir), []byte("1\n"), 0o600)) // as a QEMU that left root can, through its descriptor
	wantHolder(t, dir, g.pid)
	p := capture(t, g.pid)
	ok(t, p.Signal(unix.SIGKILL))
	ok(t, p.Wait(t.Context()))
	wantHolder(t, dir, 0) // at once, before it is reaped
}

// Whoever may read the file can lock it for reading; that is no claim to be it.
func TestHolderIgnoresReadLocks(t *testing.T) {
	dir := guestDir(t)
	ok(t, os.WriteFile(pidfileOf(dir), nil, 0o600))
	spawn(t, "lock", env("FILE="+pidfileOf(dir)), env("LOCK=read"))
	wantHolder(t, dir, 0)
}

func TestHolderUnlinked(t *testing.T) {
	dir := guestDir(t)
	g := guest(t, dir)
	g.say(t, "unlink")
	g.line(t)
	wantHolder(t, dir, 0)
	ok(t, os.WriteFile(pidfileOf(dir), nil, 0o600)) // another file: nobody has locked it
	wantHolder(t, dir, 0)
}

func TestHolderByOpenFileDescription(t *testing.T) {
	dir := guestDir(t)
	f, err := os.OpenFile(pidfileOf(dir), os.O_CREATE|os.O_RDWR, 0o600)
	ok(t, err)
	defer f.Close()
	ok(t, unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}))
	if _, held, err := Holder(dir, PidFile); !held || !errors.Is(err, ErrForeign) {
		t.Errorf("holder: %v, %v", held, err)
	}
}

func TestReadPid(t *testing.T) {
	dir := guestDir(t)
	if _, err := ReadPid(dir, PidFile); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	for content, want := range map[string]int{
		"2": 2, "1\n": 1, "4194304\n": 4194304,
		"4194305": 0, "9999999999": 0, "99999999999": 0,
		"0": 0, "-1": 0, "-7\n": 0, "+5": 0, "05": 0, " 5": 0, "5 ": 0, "5\n\n": 0, "5\r\n": 0, "\n": 0,
		"0x10": 0, "5\x00": 0, "١": 0, "5\n6\n": 0,
		strings.Repeat("1", 33): 0, strings.Repeat("1\n", 1<<20): 0,
	} {
		ok(t, os.WriteFile(pidfileOf(dir), []byte(content), 0o600))
		pid, err := ReadPid(dir, PidFile)
		if pid != want || (err == nil) != (want != 0) {
			t.Errorf("%.40q: %d, %v; want %d", content, pid, err, want)
		}
	}
	ok(t, os.WriteFile(pidfileOf(dir), nil, 0o600))
	if _, err := ReadPid(dir, PidFile); !errors.Is(err, ErrEmpty) {
		t.Errorf("empty: %v", err)
	}
	ok(t, os.Truncate(pidfileOf(dir), 1<<40)) // sparse: reading it whole would take for ever
	if _, err := ReadPid(dir, PidFile); err == nil {
		t.Error("a huge file was read")
	}
}
