package units

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/guestrc/guestrc/tests/need"
)

var oddPaths = []string{"/", "//", "/dev/sda", "/dev/disk/by-id/ata-A B_C%20", "/.hidden/.x", "/a//b/", "/a/./b", "/-", "/a\\x2db", "/a\\b", "/ü",
	"/tab\there", "/line\nbreak", "/a@b", "/a:b_c.d", "/\x01\xff\xfe", "/~user", `/"q"'q'`, "/...", "/a/.b", "/a.", "/./.a", "/[x]*?", "/1"}

func FuzzEscapePath(f *testing.F) {
	need.Programs(f, "systemd-escape")
	for _, path := range oddPaths {
		f.Add(path)
	}
	f.Add("/a/../b")
	f.Fuzz(func(t *testing.T, path string) {
		if !strings.HasPrefix(path, "/") || strings.ContainsRune(path, 0) {
			if _, err := escapePath(path); err == nil && !strings.HasPrefix(path, "/") {
				t.Errorf("%q is a path", path)
			}
			return
		}
		want, wantErr := exec.CommandContext(t.Context(), "systemd-escape", "--path", "--", path).Output()
		got, err := escapePath(path)
		if (err != nil) != (wantErr != nil) || err == nil && got+"\n" != string(want) {
			t.Errorf("%q: %q (%v), systemd-escape says %q (%v)", path, got, err, want, wantErr)
		}
	})
}

func TestEscapeTakesEveryByteAsSystemdDoes(t *testing.T) {
	need.Programs(t, "systemd-escape")
	var all strings.Builder
	for c := 1; c < 256; c++ {
		all.WriteByte(byte(c))
	}
	for _, text := range []string{all.String(), ".x", "x.y"} {
		want, err := exec.CommandContext(t.Context(), "systemd-escape", "--", text).Output()
		if got := escape(text); err != nil || got+"\n" != string(want) {
			t.Errorf("%q: %q, systemd-escape says %q (%v)", text, got, want, err)
		}
	}
}
