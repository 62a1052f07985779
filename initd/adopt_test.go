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
			if err := h.Adopt(t.Context(), "qemu.db", "qemu"); err != nil {
				t.Fatal(err)
			}
			wantLinks(t, root, map[string]string{"etc/init.d/qemu.db": "guestrc", "etc/runlevels/default/qemu.db": "/etc/init.d/qemu.db"})
			if was, err := h.Adopted("qemu.db"); err != nil || was != target {
				t.Errorf("it was adopted from %q, %v", was, err)
			}
			if was, err := h.Undo(t.Context(), "qemu.db"); err != nil || was != target {
				t.Fatalf("%q, %v", was, err)
			}
			wantLinks(t, root, before)
			if was, err := h.Adopted("qemu.db"); err != nil || was != "" {
				t.Errorf("it is still adopted from %q, %v", was, err)
			}
			if _, err := h.Undo(t.Context(), "qemu.db"); !errors.As(err, new(*RefusedError)) || !strings.Contains(err.Error(), "it was not adopted") {
				t.Errorf("once more: %v", err)
			}
			if _, err := os.Stat(root + adoptedDir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("left behind: %v", err)
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
		if err := h.Adopt(t.Context(), name, "qemu"); err == nil || !strings.Contains(err.Error(), want) {
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
	if _, err := h.Undo(t.Context(), "qemu.db"); err != nil {
		t.Fatal(err)
	}
	wantLinks(t, root, map[string]string{"etc/init.d/qemu.db": "qemu"})
	record("qemu")
	if err := h.Adopt(t.Context(), "qemu.db", "qemu"); err != nil {
		t.Fatal(err)
	}
	wantLinks(t, root, map[string]string{"etc/init.d/qemu.db": "guestrc"})
}

func TestUndoRefusesWhatWouldNotWork(t *testing.T) {
	h, root := hostWith(t, nil, map[string]string{"etc/init.d/qemu.db": "qemu", "etc/init.d/qemu.two": "qemu"})
	if err := errors.Join(h.Adopt(t.Context(), "qemu.db", "qemu"), h.Adopt(t.Context(), "qemu.two", "qemu")); err != nil {
		t.Fatal(err)
	}
	two := filepath.Join(root, "etc/init.d/qemu.two")
	if err := errors.Join(os.Remove(two), os.Symlink("mine", two), os.Remove(filepath.Join(root, "etc/init.d/qemu"))); err != nil {
		t.Fatal(err)
	}
	now := links(t, root)
	if _, err := h.Undo(t.Context(), "qemu.db"); err == nil || !strings.Contains(err.Error(), "which is not there any more") {
		t.Errorf("%v", err)
	}
	if _, err := h.Undo(t.Context(), "qemu.two"); !errors.As(err, new(*TakenError)) {
		t.Errorf("%v", err)
	}
	wantLinks(t, root, now)
}

// A symlink that somebody removed, and that is made anew, is nobody else's.
func TestAdoptionEndsWithItsSymlink(t *testing.T) {
	h, root := hostWith(t, nil, map[string]string{"etc/init.d/qemu.db": "qemu"})
	if err := h.Adopt(t.Context(), "qemu.db", "qemu"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(filepath.Join(root, "etc/init.d/qemu.db")), os.Remove(filepath.Join(root, "etc/init.d/qemu"))); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Undo(t.Context(), "qemu.db"); !errors.As(err, new(*RefusedError)) || !strings.Contains(err.(*RefusedError).Hint, "rm "+root+adoptedDir+"/qemu.db") {
		t.Errorf("%v", err)
	}
	if _, err := h.Enable(t.Context(), "qemu.db", "default"); err != nil {
		t.Fatal(err)
	}
	if was, err := h.Adopted("qemu.db"); err != nil || was != "" {
		t.Errorf("it is still adopted from %q, %v", was, err)
	}
	if _, err := os.Stat(root + adoptedDir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
}

// The program itself as an init script becomes a service, and back.
func TestLSBScriptIsAdopted(t *testing.T) {
	before := map[string]string{"etc/init.d/qemu.db": "/usr/bin/guestrc", "etc/init.d/qemu.x": "../../opt/bin/guestrc"}
	h, root := hostWith(t, nil, before)
	for name := range before {
		name = filepath.Base(name)
		if _, err := h.Enable(t.Context(), name, "default"); !errors.As(err, new(*TakenError)) || !strings.Contains(err.Error(), "an LSB script and no service of OpenRC's") {
			t.Errorf("enable: %v", err)
		}
		if err := h.Adopt(t.Context(), name, "qemu"); err != nil {
			t.Error(err)
		}
	}
	wantLinks(t, root, map[string]string{"etc/init.d/qemu.db": "guestrc", "etc/init.d/qemu.x": "guestrc"})
	for name, target := range before {
		if err := errors.Join(os.MkdirAll(filepath.Join(root, "usr/bin"), 0o755), os.MkdirAll(filepath.Join(root, "opt/bin"), 0o755),
			os.WriteFile(filepath.Join(root, "usr/bin/guestrc"), nil, 0o755), os.WriteFile(filepath.Join(root, "opt/bin/guestrc"), nil, 0o755)); err != nil {
			t.Fatal(err)
		}
		if was, err := h.Undo(t.Context(), filepath.Base(name)); err != nil || was != target {
			t.Errorf("%q, %v", was, err)
		}
	}
	wantLinks(t, root, before)
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
