package confd

import (
	"errors"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestALoaderReadsSharedFilesOnce: what has changed since is not seen, whether
// or not a guest has a file of its own.
func TestALoaderReadsSharedFilesOnce(t *testing.T) {
	dir := t.TempDir()
	shared, own, none := write(t, dir, "qemu", "a=1\n"), write(t, dir, "qemu.db", "b=$a\n"), filepath.Join(dir, "qemu.web")
	var l Loader
	if _, err := l.Load([]string{shared, none}, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("without a file of its own: %v", err)
	}
	write(t, dir, "qemu", "a=2\n")
	for name, files := range map[string][]string{"b": {shared, own}, "a": {shared}} {
		c, err := l.Load(files, nil)
		if err != nil {
			t.Fatal(err)
		}
		if v, _ := c.Get(name); v.Text != "1" || len(c.Files) != len(files) {
			t.Errorf("%v: %s is %q in %v", files, name, v.Text, c.Files)
		}
	}
}

func TestALoaderLoadsTheSame(t *testing.T) {
	dir := t.TempDir()
	good, own, bad, none := write(t, dir, "good", "a=1\n: ${b:=$VM_NAME}\n"), write(t, dir, "own", "c=$a\n"), write(t, dir, "bad", "a=$(id)\n"), filepath.Join(dir, "none")
	preset := map[string]string{"VM_NAME": "db"}
	var l Loader
	for range 2 { // by now, some are known
		for _, files := range [][]string{nil, {own}, {none}, {bad}, {good, own}, {none, own}, {good, none}, {none, none}, {bad, own}, {good, bad}, {good}, {bad}, {none}, {own, good}} {
			want, wantErr := Load(files, preset)
			got, err := l.Load(files, preset)
			if diff := cmp.Diff(want, got); diff != "" || cmp.Diff(text(wantErr), text(err)) != "" || errors.Is(wantErr, fs.ErrNotExist) != errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%v: %v, want %v: %s", files, err, wantErr, diff)
			}
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
