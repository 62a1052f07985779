package initd

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/manifest"
)

// fakeRC is in the place of OpenRC's programs.
type fakeRC struct {
	said []string
	err  error
}

func (f *fakeRC) run(_ context.Context, argv ...string) error {
	f.said = append(f.said, strings.Join(argv, " "))
	return f.err
}

// hostWith is a root with OpenRC, guestrc's script and qemu-openrc's, and the
// symlinks of a table: path → target.
func hostWith(t *testing.T, fake *fakeRC, links map[string]string) (Host, string) {
	t.Helper()
	root := t.TempDir()
	for _, path := range []string{"etc/init.d/guestrc", "etc/init.d/qemu", "etc/runlevels/default/lvm", "etc/runlevels/boot/lvm", "sbin/openrc-run"} {
		path = filepath.Join(root, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	for path, target := range links {
		if err := os.Symlink(target, filepath.Join(root, path)); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := manifest.OpenTree(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tree.Close() })
	h := Host{Tree: tree}
	if fake != nil {
		h.Run = fake.run
	}
	return h, root
}

// links reads all symlinks below /etc of a root.
func links(t *testing.T, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, pattern := range []string{"etc/init.d/*", "etc/runlevels/*/*", "etc/init.d/.*"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if target, err := os.Readlink(path); err == nil {
				rel, _ := filepath.Rel(root, path)
				found[rel] = target
			}
		}
	}
	return found
}

func wantLinks(t *testing.T, root string, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, links(t, root)); diff != "" {
		t.Errorf("symlinks (-want +got):\n%s", diff)
	}
}

func TestEnableThenDisable(t *testing.T) {
	h, root := hostWith(t, nil, nil)
	for n := range 2 { // the second time there is nothing to do
		c, err := h.Enable(t.Context(), "qemu.db", "default")
		if err != nil || c.Link != (n == 0) || len(c.Runlevels) != 1-n {
			t.Fatalf("enable: %+v, %v", c, err)
		}
		wantLinks(t, root, map[string]string{"etc/init.d/qemu.db": "guestrc", "etc/runlevels/default/qemu.db": "/etc/init.d/qemu.db"})
	}
	if names, err := h.Links(); err != nil || !slices.Equal(names, []string{"qemu.db"}) {
		t.Errorf("%v, %v", names, err)
	}
	for n := range 2 {
		c, err := h.Disable(t.Context(), "qemu.db", false)
		if err != nil || c.Link != (n == 0) || len(c.Runlevels) != 1-n {
			t.Fatalf("disable: %+v, %v", c, err)
		}
		wantLinks(t, root, map[string]string{})
	}
}

func TestRunlevelsAreRcUpdatesBusiness(t *testing.T) {
	fake := &fakeRC{}
	h, root := hostWith(t, fake, map[string]string{"etc/init.d/qemu.old": "guestrc", "etc/runlevels/boot/qemu.old": "/etc/init.d/qemu.old"})
	_, err1 := h.Enable(t.Context(), "qemu.db", "boot")
	_, err2 := h.Enable(t.Context(), "qemu.old", "boot")
	_, err3 := h.Disable(t.Context(), "qemu.old", true)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if want := []string{"rc-update add qemu.db boot", "rc-update del qemu.old boot"}; !slices.Equal(fake.said, want) {
		t.Errorf("%q, want %q", fake.said, want)
	}
	wantLinks(t, root, map[string]string{"etc/init.d/qemu.db": "guestrc", "etc/init.d/qemu.old": "guestrc", "etc/runlevels/boot/qemu.old": "/etc/init.d/qemu.old"})
}

func TestEnableThatFailsLeavesNoSymlink(t *testing.T) {
	broken := errors.New("rc-update: no")
	for name, before := range map[string]map[string]string{"new": {}, "ours": {"etc/init.d/qemu.db": "guestrc"}, "misnamed": {"etc/init.d/qemu.db": "../init.d/guestrc"}} {
		t.Run(name, func(t *testing.T) {
			h, root := hostWith(t, &fakeRC{err: broken}, before)
			if _, err := h.Enable(t.Context(), "qemu.db", "default"); !errors.Is(err, broken) {
				t.Errorf("%v", err)
			}
			wantLinks(t, root, before)
			h.Run = nil
			for _, level := range []string{"nonesuch", "", "../default", "."} {
				if _, err := h.Enable(t.Context(), "qemu.db", level); err == nil || !strings.Contains(err.Error(), "there is no runlevel") {
					t.Errorf("%q: %v", level, err)
				}
			}
			wantLinks(t, root, before)
		})
	}
}

func TestOnlyRealRunlevelsCount(t *testing.T) {
	fake := &fakeRC{}
	h, root := hostWith(t, fake, map[string]string{"etc/init.d/qemu.db": "guestrc", "etc/runlevels/alias": "default", "etc/runlevels/full": "/etc/runlevels/default",
		"etc/runlevels/default/qemu.db": "/etc/init.d/qemu.db"})
	elsewhere := filepath.Join(root, "usr/share/level")
	if err := errors.Join(os.MkdirAll(elsewhere, 0o755), os.Symlink("/etc/init.d/qemu.db", elsewhere+"/qemu.db"), os.Symlink("/usr/share/level", root+"/etc/runlevels/shared")); err != nil {
		t.Fatal(err)
	}
	c, err := h.Disable(t.Context(), "qemu.db", true)
	if want := []string{"default", "shared"}; err != nil || !slices.Equal(c.Runlevels, want) {
		t.Errorf("%+v, %v; want %v", c, err, want)
	}
	if want := []string{"rc-update del qemu.db default shared"}; !slices.Equal(fake.said, want) {
		t.Errorf("%q, want %q", fake.said, want)
	}
}

// Both make the new symlink aside, by the same name.
func TestChangesOfOneServiceWaitForEachOther(t *testing.T) {
	fake := &fakeRC{}
	h, root := hostWith(t, fake, nil)
	unlock, err := h.Tree.Lock(Dir)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := Host{Tree: h.Tree}.Enable(t.Context(), "qemu.db", "default")
			done <- err
		}()
	}
	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := h.Enable(soon, "qemu.db", "default"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("under somebody else's lock: %v", err)
	}
	wantLinks(t, root, map[string]string{})
	if err := errors.Join(unlock(), <-done, <-done); err != nil {
		t.Error(err)
	}
	wantLinks(t, root, map[string]string{"etc/init.d/qemu.db": "guestrc", "etc/runlevels/default/qemu.db": "/etc/init.d/qemu.db"})
}

// OpenRC 0.45 would call a service with such a target by the target's name.
func TestEnableMendsTheTarget(t *testing.T) {
	h, root := hostWith(t, nil, map[string]string{"etc/init.d/qemu.db": "../init.d/guestrc", "etc/init.d/qemu.abs": "/etc/init.d/guestrc"})
	for _, name := range []string{"qemu.db", "qemu.abs"} {
		if _, err := h.Enable(t.Context(), name, "default"); err != nil {
			t.Fatal(err)
		}
	}
	wantLinks(t, root, map[string]string{"etc/init.d/qemu.db": "guestrc", "etc/init.d/qemu.abs": "/etc/init.d/guestrc",
		"etc/runlevels/default/qemu.db": "/etc/init.d/qemu.db", "etc/runlevels/default/qemu.abs": "/etc/init.d/qemu.abs"})
}

func TestScriptsOfOthersAreRefused(t *testing.T) {
	theirs := map[string]string{"etc/init.d/qemu.db": "qemu", "etc/init.d/qemu.lsb": "/usr/bin/guestrc", "etc/runlevels/default/qemu.db": "/etc/init.d/qemu.db"}
	fake := &fakeRC{}
	h, root := hostWith(t, fake, theirs)
	for _, name := range []string{"qemu.db", "qemu.lsb", "qemu"} {
		_, errEnable := h.Enable(t.Context(), name, "default")
		_, errDisable := h.Disable(t.Context(), name, false)
		for _, err := range []error{errEnable, errDisable} {
			if !errors.As(err, new(*TakenError)) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	wantLinks(t, root, theirs)
	if len(fake.said) > 0 {
		t.Errorf("ran %q", fake.said)
	}
}

func TestNothingIsLinkedToAMissingScript(t *testing.T) {
	before := map[string]string{"etc/init.d/qemu.old": "qemu"}
	h, root := hostWith(t, nil, before)
	if err := os.Remove(filepath.Join(root, scriptPath)); err != nil {
		t.Fatal(err)
	}
	_, errEnable := h.Enable(t.Context(), "qemu.db", "default")
	for _, err := range []error{errEnable, h.Adopt(t.Context(), "qemu.old", "qemu")} {
		if err == nil || !strings.Contains(err.Error(), "/etc/init.d/guestrc is not there") {
			t.Errorf("%v", err)
		}
	}
	wantLinks(t, root, before)
}
