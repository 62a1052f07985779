package units

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/guestrc/guestrc/manifest"
)

// fakeControl is in the place of systemctl.
type fakeControl struct{ said []string }

func (f *fakeControl) run(_ context.Context, argv ...string) error {
	f.said = append(f.said, strings.Join(argv, " "))
	return nil
}

func hostWith(t *testing.T, files ...string) (Host, *fakeControl) {
	t.Helper()
	root := t.TempDir()
	for _, path := range files {
		path = filepath.Join(root, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := manifest.OpenTree(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tree.Close() })
	fake := &fakeControl{}
	return Host{Tree: tree, Root: root, Run: fake.run}, fake
}

func TestEnabledAreThoseThatSomethingWants(t *testing.T) {
	const dir = "etc/systemd/system/"
	h, fake := hostWith(t, "usr/lib/systemd/system/guestrc-qemu@.service",
		dir+"multi-user.target.wants/guestrc-qemu@db.service", dir+"other.target.requires/guestrc-qemu@db.service",
		dir+"guestrc-lxc@web.service.d/x.conf", dir+"other.target.wants/guestrc-lxc@a.b-c.service", dir+"other.target.wants/guestrc-@x.service")
	if names, err := h.Enabled(); err != nil || !slices.Equal(names, []string{"lxc.a.b-c", "qemu.db"}) {
		t.Errorf("%v, %v", names, err)
	}
	for _, c := range []struct {
		change         func(context.Context, string, string) (bool, error)
		instance, verb string
		done           bool
	}{{h.Enable, "db", "enable", false}, {h.Enable, "new", "enable", true}, {h.Disable, "db", "disable", true}, {h.Disable, "new", "disable", false}} {
		fake.said = nil
		done, err := c.change(t.Context(), "qemu", c.instance)
		var want []string
		if c.done {
			want = []string{"systemctl --root=" + h.Root + " " + c.verb + " guestrc-qemu@" + c.instance + ".service"}
		}
		if err != nil || done != c.done || !slices.Equal(fake.said, want) {
			t.Errorf("%s %s: %v, %v, ran %q", c.verb, c.instance, done, err, fake.said)
		}
	}
	if _, err := h.Enable(t.Context(), "lxc", "web"); err == nil || !strings.Contains(err.Error(), "there is no unit guestrc-lxc@.service") {
		t.Errorf("%v", err)
	}
}

// systemctl enable and disable mean /etc, and with --runtime /run.
func TestEnabledUntilTheNextBoot(t *testing.T) {
	h, fake := hostWith(t, "usr/lib/systemd/system/guestrc-qemu@.service", "run/systemd/system/multi-user.target.wants/guestrc-qemu@now.service",
		"run/systemd/system/multi-user.target.wants/guestrc-qemu@both.service", "etc/systemd/system/multi-user.target.wants/guestrc-qemu@both.service")
	if names, err := h.Enabled(); err != nil || !slices.Equal(names, []string{"qemu.both", "qemu.now"}) {
		t.Errorf("%v, %v", names, err)
	}
	ctl := "systemctl --root=" + h.Root + " "
	for instance, want := range map[string][]string{
		"now":  {ctl + "--runtime disable guestrc-qemu@now.service"},
		"both": {ctl + "disable guestrc-qemu@both.service", ctl + "--runtime disable guestrc-qemu@both.service"},
	} {
		fake.said = nil
		if done, err := h.Disable(t.Context(), "qemu", instance); !done || err != nil || !slices.Equal(fake.said, want) {
			t.Errorf("disable %s: %v, %v, ran %q", instance, done, err, fake.said)
		}
	}
	fake.said = nil
	if done, err := h.Enable(t.Context(), "qemu", "now"); !done || err != nil || !slices.Equal(fake.said, []string{ctl + "enable guestrc-qemu@now.service"}) {
		t.Errorf("enable: %v, %v, ran %q", done, err, fake.said)
	}
}

func TestInstallationRefusesPathsThatMeanSomethingElse(t *testing.T) {
	for _, binary := range []string{"/opt/my tools/guestrc", "/opt/100%/guestrc", "/opt/a}b/guestrc", "/opt/it's/guestrc", "/opt/$HOME/guestrc", "/opt/a|b/guestrc",
		"/opt/a:~root/guestrc", "/opt/a\nb/guestrc", "/opt/\"a/guestrc", "/opt/a\\b/guestrc", "opt/guestrc", ""} {
		if files, err := Installation(binary); err == nil || files != nil || !strings.Contains(err.Error(), "cannot install: services cannot run ") {
			t.Errorf("%q: %v, %v", binary, files, err)
		}
	}
	if _, err := Installation("/opt/guestrc-1.0+git@x/bin/guestrc"); err != nil {
		t.Error(err)
	}
}

func TestInstallationRunsTheBinaryThatInstalls(t *testing.T) {
	for binary, dir := range map[string]string{"/usr/bin/guestrc": "/usr/lib/systemd/", "/usr/local/bin/guestrc": "/usr/local/lib/systemd/"} {
		files, err := Installation(binary)
		if err != nil || len(files) < 3 {
			t.Fatalf("%v, %v", files, err)
		}
		for _, f := range files {
			runs := f.Target == "" && filepath.Base(f.Path) != Target
			if !strings.HasPrefix(f.Path, dir) || f.Target != "" && f.Target != binary ||
				runs && (!strings.Contains(f.Content, "\nExecStart="+binary+" start ") || binary != program && strings.Contains(f.Content, program)) {
				t.Errorf("%s: %+v", binary, f)
			}
		}
	}
}

// systemd is asked only from within a unit, and only "stopping" is going down.
func TestGoingDownIsSystemdsWord(t *testing.T) {
	h, _ := hostWith(t, "run/systemd/system/x")
	asked := 0
	for word, want := range map[string]bool{"stopping\n": true, "maintenance\n": false, "running\n": false, "": false} {
		h.Root, h.Output = "/", func(context.Context, ...string) (string, error) {
			asked++
			return word, nil
		}
		for _, name := range []string{"NOTIFY_SOCKET", "INVOCATION_ID"} {
			env := map[string]string{name: "x"}
			if got := h.GoingDown(t.Context(), func(name string) string { return env[name] }); got != want {
				t.Errorf("%q, %s: %v", word, name, got)
			}
		}
	}
	asked = 0
	if h.GoingDown(t.Context(), func(string) string { return "" }) || asked > 0 {
		t.Error("systemd was asked by nobody's unit")
	}
	h.Output = func(context.Context, ...string) (string, error) { return "stopping", errors.New("no") }
	if h.GoingDown(t.Context(), func(string) string { return "x" }) {
		t.Error("no answer counts as one")
	}
}
