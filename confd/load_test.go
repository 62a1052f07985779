package confd

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// write makes a file of the mode that a conf.d file should have.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil { // whatever the umask
		t.Fatal(err)
	}
	return path
}

func TestLoadDefaultsThenInstance(t *testing.T) {
	dir := t.TempDir()
	defaults := write(t, dir, "qemu", "pool=/srv\nmemory=1G\n: ${user:=qemu}\n")
	own := write(t, dir, "qemu.db", "memory=2G\ndisk0_file=$pool/${VM_NAME}.img\n: ${user:=root} ${group:=kvm}\n")
	c, err := Load([]string{defaults, own}, map[string]string{"VM_NAME": "db"})
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{Files: []string{defaults, own}, Values: []Value{
		{Name: "VM_NAME", Text: "db", Used: true},
		{Name: "pool", Text: "/srv", Pos: Pos{defaults, 1, 1}, Used: true},
		{Name: "user", Text: "qemu", Pos: Pos{defaults, 3, 5}},
		{Name: "memory", Text: "2G", Pos: Pos{own, 1, 1}},
		{Name: "disk0_file", Text: "/srv/db.img", Pos: Pos{own, 2, 1}},
		{Name: "group", Text: "kvm", Pos: Pos{own, 3, 19}},
	}}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Error(diff)
	}
}

func TestLoadMissing(t *testing.T) {
	dir := t.TempDir()
	own := write(t, dir, "qemu.db", "memory=2G\n")
	missing := filepath.Join(dir, "qemu")
	c, err := Load([]string{missing, own}, nil)
	if err != nil || len(c.Files) != 1 {
		t.Errorf("without the defaults: %+v, %v", c, err)
	}
	_, err = Load([]string{own, missing}, nil)
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), missing+": cannot read the file: ") {
		t.Errorf("without the guest's own: %v", err)
	}
	if c, err := Load(nil, nil); err != nil || len(c.Values) != 0 {
		t.Errorf("without files: %+v, %v", c, err)
	}
}

func TestLoadRefusesFiles(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	writable := write(t, dir, "writable", "A=1\n")
	if err := os.Chmod(writable, 0o664); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ path, why string }{
		{dir, "not a regular file"},
		{fifo, "not a regular file"},
		{"/dev/null", "not a regular file"},
		{writable, "mode 0664"},
		{write(t, dir, "large", strings.Repeat("#\n", maxFile/2+1)), "has 65538 bytes"},
		{filepath.Join(writable, "below"), "not a directory"},
		{write(t, dir, "bad", "A=$(id)\n"), "command substitution"},
	}
	for _, tt := range tests {
		_, err := Load([]string{tt.path}, nil)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(e.Msg, tt.why) || e.Pos.File != tt.path {
			t.Errorf("%s: %v, want %q", tt.path, err, tt.why)
		}
		if errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v is taken for a missing file", tt.path, err)
		}
	}
}

func TestLoadFollowsSymlink(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(write(t, dir, "file", "A=1\n"), link); err != nil {
		t.Fatal(err)
	}
	c, err := Load([]string{link}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := c.Get("A"); !ok || v.Text != "1" || v.Pos.File != link {
		t.Errorf("got %+v, %v", v, ok)
	}
}

func TestCheckFileOwner(t *testing.T) {
	tests := []struct {
		mode        fs.FileMode
		owner, euid uint32
		ok          bool
	}{
		{0o644, 0, 0, true}, {0o600, 0, 1000, true}, {0o640, 1000, 1000, true},
		{0o644, 1000, 0, false}, {0o644, 1001, 1000, false}, {0o646, 0, 0, false}, {0o620, 0, 0, false},
	}
	for _, tt := range tests {
		err := checkFile("/f", tt.mode, 1, tt.owner, tt.euid)
		if (err == nil) != tt.ok {
			t.Errorf("%v: %v", tt, err)
		}
		var e *Error
		if errors.As(err, &e) && e.HintText() != "chown root /f && chmod go-w /f" {
			t.Errorf("%v: hint %q", tt, e.Hint)
		}
	}
}

// TestParserPanic: a panic below becomes an error that names the file.
func TestParserPanic(t *testing.T) {
	r := newReader(nil)
	r.parser = nil
	err := r.read("/f", []byte("A=1\n"))
	var e *Error
	if !errors.As(err, &e) || e.Pos.File != "/f" || !strings.Contains(e.Msg, "internal error") || e.Hint == "" {
		t.Errorf("got %v", err)
	}
}
