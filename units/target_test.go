package units

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTargetStartsWhatABootStarts(t *testing.T) {
	const dir, wants = "usr/lib/systemd/system/", "etc/systemd/system/"
	f := host(t, dir+Target, wants+"multi-user.target.wants/"+Name("qemu", "a"), wants+"guestrc.target.wants/"+Name("lxc", "b"),
		wants+"mine.target.wants/"+Name("qemu", "c"), wants+"mine.target.wants/"+Name("qemu", "a"), dir+"multi-user.target.wants/"+Name("qemu", "d"))
	for unit, want := range map[string]bool{Name("qemu", "a"): true, Name("lxc", "b"): true, Name("qemu", "c"): false, Name("qemu", "d"): false} {
		if f.AtBoot(unit) != want {
			t.Errorf("%s: %v", unit, !want)
		}
	}
	out := t.TempDir()
	for range 2 {
		if err := f.WriteTarget(out, []string{Name("lxc", "b"), Name("qemu", "a")}); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(out, "guestrc.target.d/50-guestrc.conf"))
	want := "# made by guestrc-generator\n[Unit]\nWants=guestrc-lxc@b.service\nWants=guestrc-qemu@a.service\n"
	if diff := cmp.Diff(want, string(text)); err != nil || diff != "" {
		t.Errorf("%v%s", err, diff)
	}
	if link, err := os.Readlink(filepath.Join(out, "multi-user.target.wants/guestrc.target")); err != nil || link != "/"+dir+Target {
		t.Errorf("%q, %v", link, err)
	}
	if err := f.WriteTarget("/proc/nowhere", []string{Name("qemu", "a")}); err == nil {
		t.Error("no error for a directory that cannot be made")
	}
}

func TestTargetThatIsNotThereIsNotSpokenOf(t *testing.T) {
	out := t.TempDir()
	const path = "usr/lib/systemd/system/" + Target
	if err := host(t).WriteTarget(out, []string{Name("qemu", "a")}); err != nil {
		t.Error(err)
	}
	if err := host(t, path).WriteTarget(out, nil); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(out); err != nil || len(entries) > 0 {
		t.Errorf("%v, %v", entries, err)
	}
}

// What comes after all guests cannot come before one of them.
func TestWhatComesAfterTheTargetCannotComeBeforeAGuest(t *testing.T) {
	f := host(t, "usr/lib/systemd/system/watch.service\n[Unit]\nAfter=guestrc.target\n")
	s := &Service{Kind: "qemu", Instance: "a", After: []string{"watch.service"}}
	if cuts := f.Untangle([]*Service{s}); len(cuts) != 1 || cuts[0].Unit != "watch.service" {
		t.Errorf("%v", cuts)
	}
}
