package initd

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAdoptAndUndo(t *testing.T) {
	for _, target := range []string{"qemu", "/etc/init.d/qemu", "../init.d/qemu", "./qemu"} {
		t.Run(target, func(t *testing.T) {
			before := map[string]string{"etc/init.d/qemu.db": target, "etc/runlevels/default/qemu.db": "/etc/init.d/qemu.db"}
			h, root := hostWith(t, nil, before)
			if err := h.Adopt("qemu.db", "qemu"); err != nil {
				t.Fatal(err)
			}
			wantLinks(t, root, map[string]string{"etc/init.d/qemu.db": "guestrc", "etc/runlevels/default/qemu.db": "/etc/init.d/qemu.db"})
			if was, err := h.Adopted("qemu.db"); err != nil || was != target {
				t.Errorf("it was adopted from %q, %v", was, err)
			}
			if was, err := h.Undo("qemu.db"); err != nil || was != target {
				t.Fatalf("%q, %v", was, err)
			}
			wantLinks(t, root, before)
			if was, err := h.Adopted("qemu.db"); err != nil || was != "" {
				t.Errorf("it is still adopted from %q, %v", was, err)
			}
			if _, err := h.Undo("qemu.db"); err == nil || !strings.Contains(err.Error(), "it was not adopted") {
				t.Errorf("once more: %v", err)
			}
		})
	}
}

func TestOnlyTheScriptInQuestionIsAdopted(t *testing.T) {
	before := map[string]string{"etc/init.d/qemu.ours": "guestrc", "etc/init.d/qemu.lxc": "lxc", "etc/init.d/qemu.other": "/opt/init.d/qemu"}
	h, root := hostWith(t, nil, before)
	for name, want := range map[string]string{
		"qemu.ours": "is guestrc's already", "qemu.lxc": "is a symlink to lxc, not to qemu", "qemu.other": "is a symlink to /opt/init.d/qemu, not to qemu",
		"qemu": "is no symlink to guestrc", "qemu.none": "is not there",
	} {
		if err := h.Adopt(name, "qemu"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", name, err, want)
		}
	}
	wantLinks(t, root, before)
	if _, err := os.Stat(filepath.Join(root, adoptedDir)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a record was made: %v", err)
	}
}

// A crash may have come between the record and the symlink, in both directions.
func TestAdoptionCutShort(t *testing.T) {
	h, root := hostWith(t, nil, map[string]string{"etc/init.d/qemu.db": "qemu"})
	record := func(target string) {
		t.Helper()
		if err := h.Tree.WriteFile(filepath.Join(adoptedDir, "qemu.db"), []byte(`{"version":1,"target":"`+target+`"}`), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	record("qemu") // and the symlink was not changed
	if _, err := h.Undo("qemu.db"); err != nil {
		t.Fatal(err)
	}
	wantLinks(t, root, map[string]string{"etc/init.d/qemu.db": "qemu"})
	record("qemu")
	if err := h.Adopt("qemu.db", "qemu"); err != nil {
		t.Fatal(err)
	}
	wantLinks(t, root, map[string]string{"etc/init.d/qemu.db": "guestrc"})
}

func TestUndoRefusesWhatWouldNotWork(t *testing.T) {
	h, root := hostWith(t, nil, map[string]string{"etc/init.d/qemu.db": "qemu", "etc/init.d/qemu.two": "qemu"})
	if err := errors.Join(h.Adopt("qemu.db", "qemu"), h.Adopt("qemu.two", "qemu")); err != nil {
		t.Fatal(err)
	}
	two := filepath.Join(root, "etc/init.d/qemu.two")
	if err := errors.Join(os.Remove(two), os.Symlink("mine", two), os.Remove(filepath.Join(root, "etc/init.d/qemu"))); err != nil {
		t.Fatal(err)
	}
	now := links(t, root)
	if _, err := h.Undo("qemu.db"); err == nil || !strings.Contains(err.Error(), "which is not there any more") {
		t.Errorf("%v", err)
	}
	if _, err := h.Undo("qemu.two"); !errors.As(err, new(*TakenError)) {
		t.Errorf("%v", err)
	}
	wantLinks(t, root, now)
}

func FuzzAdoption(f *testing.F) {
	f.Add([]byte(`{"version":1,"target":"qemu"}`))
	f.Add([]byte(`{"version":1}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if a, err := parseAdoption(text); err == nil && (a.Target == "" || a.Version != adoptionVersion) {
			t.Errorf("%+v was let through", a)
		}
	})
}
