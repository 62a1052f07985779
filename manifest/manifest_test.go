package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// version is one release's files: the script and the unit change, the link and
// the sample do too.
func version(n int) []File {
	return []File{
		{Path: "/etc/init.d/guestrc", Content: fmt.Sprintf("#!/sbin/openrc-run\n# %d\n", n), Mode: 0o755},
		{Path: "/usr/lib/systemd/system/guestrc-qemu@.service", Content: fmt.Sprintf("[Unit]\nDescription=%d\n", n), Mode: 0o644},
		{Path: "/usr/lib/systemd/system-generators/guestrc-generator", Target: fmt.Sprintf("/opt/%d/bin/guestrc", n)},
		{Path: "/etc/conf.d/qemu", Content: fmt.Sprintf("# %d\n", n), Mode: 0o644, Sample: true},
	}
}

// place is a root with little in it.
func place(t *testing.T) (root string) {
	t.Helper()
	root = t.TempDir()
	put(t, root, "/etc/conf.d/net", "config_eth0=null\n")
	return root
}

func put(t *testing.T, root, path, content string) {
	t.Helper()
	path = filepath.Join(root, path)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// within runs do with an open manifest of root.
func within(root string, do func(*Manifest) error) error {
	return withTree(root, nil, do)
}

func withTree(root string, change func() error, do func(*Manifest) error) error {
	tree, err := OpenTree(root)
	if err != nil {
		return err
	}
	defer tree.Close()
	tree.change = change
	m, err := Open(tree)
	if err != nil {
		return err
	}
	return errors.Join(do(m), m.Close())
}

func install(files []File) func(*Manifest) error {
	return func(m *Manifest) error { return m.Install(files, func(string, Step) {}) }
}

func uninstall(m *Manifest) error { return m.Uninstall(m.Paths(), func(string, Step) {}) }

// listing is everything below root but /var/lib: path → mode, and content or target.
func listing(t *testing.T, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := strings.TrimPrefix(path, root)
		if rel == "/var" || rel == "" {
			if rel == "" {
				return nil
			}
			return filepath.SkipDir
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text := ""
		switch {
		case info.Mode().IsRegular():
			content, err := os.ReadFile(filepath.Clean(path))
			if err != nil {
				return err
			}
			text = string(content)
		case info.Mode()&fs.ModeSymlink != 0:
			if text, err = os.Readlink(path); err != nil {
				return err
			}
		}
		found[rel] = info.Mode().String() + " " + text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func same(t *testing.T, want, got map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// ideal is the tree with the files of a version and nothing else.
func ideal(t *testing.T, files []File) map[string]string {
	t.Helper()
	root := place(t)
	if err := within(root, install(files)); err != nil {
		t.Fatal(err)
	}
	return listing(t, root)
}

func TestInstallThenUninstallLeavesNothing(t *testing.T) {
	root := place(t)
	before := listing(t, root)
	if err := within(root, install(version(1))); err != nil {
		t.Fatal(err)
	}
	for _, f := range version(1) {
		want := f.Mode.String() + " " + f.Content
		if f.Target != "" {
			want = "Lrwxrwxrwx " + f.Target
		}
		if got := listing(t, root)[f.Path]; got != want {
			t.Errorf("%s: %q, want %q", f.Path, got, want)
		}
	}
	if err := within(root, uninstall); err != nil {
		t.Fatal(err)
	}
	same(t, before, listing(t, root))
	if left, err := os.ReadDir(filepath.Join(root, filepath.Dir(RecordPath))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestUpgradeReplacesWhatIsOurs(t *testing.T) {
	root := place(t)
	for n := range 3 {
		if err := within(root, install(version(n))); err != nil {
			t.Fatal(err)
		}
	}
	same(t, ideal(t, version(2)), listing(t, root))
}

func TestInstallChangesNothingTheSecondTime(t *testing.T) {
	root := place(t)
	if err := within(root, install(version(1))); err != nil {
		t.Fatal(err)
	}
	err := within(root, func(m *Manifest) error {
		return m.Install(version(1), func(path string, s Step) {
			if s != Keep {
				t.Errorf("%s: %s, want it kept", path, s)
			}
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// As make install or a package put it there: it is theirs to remove.
func TestIdenticalFilesOfOthersStayTheirs(t *testing.T) {
	root := place(t)
	for _, f := range version(1)[:2] {
		put(t, root, f.Path, f.Content)
		if err := os.Chmod(root+f.Path, f.Mode); err != nil {
			t.Fatal(err)
		}
	}
	before := listing(t, root)
	for range 2 { // the second time most of it is ours
		if err := within(root, install(version(1))); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(ideal(t, version(1)), listing(t, root)); diff != "" {
			t.Errorf("installed (-want +got):\n%s", diff)
		}
	}
	if err := within(root, uninstall); err != nil {
		t.Fatal(err)
	}
	same(t, before, listing(t, root))
}

// The same content with another mode is somebody's choice.
func TestModeOfOthersFilesIsNotChanged(t *testing.T) {
	root := place(t)
	script := version(1)[0]
	put(t, root, script.Path, script.Content)
	before := listing(t, root)
	if err := within(root, install([]File{script})); err == nil || !strings.Contains(err.Error(), "it is there, and is not guestrc's") {
		t.Errorf("%v", err)
	}
	same(t, before, listing(t, root))
}

// A link to nowhere can be a mount that is not there yet: nothing is made of it.
func TestDirectoryThatLeadsNowhereIsAnError(t *testing.T) {
	root := place(t)
	if err := os.Symlink("/elsewhere", root+"/etc/init.d"); err != nil {
		t.Fatal(err)
	}
	want := ideal(t, version(1)[1:])
	err := within(root, install(version(1)))
	if err == nil || !strings.Contains(err.Error(), "cannot install "+root+"/etc/init.d/guestrc: "+root+"/etc/init.d leads nowhere") {
		t.Errorf("%v", err)
	}
	want["/etc/init.d"] = "Lrwxrwxrwx /elsewhere"
	same(t, want, listing(t, root))
	if err := within(root, uninstall); err != nil {
		t.Errorf("uninstall: %v", err)
	}
}

// What was recorded as a directory of ours may be somebody's symlink by now.
func TestOneDirectoryDoesNotKeepOthers(t *testing.T) {
	root := place(t)
	if err := within(root, install(version(1))); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Rename(root+"/etc/init.d", root+"/etc/scripts"), os.Symlink("scripts", root+"/etc/init.d")); err != nil {
		t.Fatal(err)
	}
	if err := within(root, uninstall); err != nil {
		t.Errorf("uninstall: %v", err)
	}
	for path := range listing(t, root) {
		if strings.HasPrefix(path, "/usr") || strings.HasSuffix(path, "/guestrc") {
			t.Errorf("left behind: %s", path)
		}
	}
	if _, err := os.Lstat(root + RecordPath); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a record yet: %v", err)
	}
}

// A hint is lost among errors that are joined.
func TestFailureIsOneError(t *testing.T) {
	tree, err := OpenTree("/proc/self")
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	for name, err := range map[string]error{"link": tree.Link("/fd/x", "y"), "file": tree.WriteFile("/fd/x", nil, 0o644)} {
		if err == nil || strings.Contains(err.Error(), "use ") || !strings.Contains(err.Error(), "write /proc/self/fd/x: ") {
			t.Errorf("%s: %v", name, err)
		}
		for inner := err; inner != nil; inner = errors.Unwrap(inner) {
			if _, many := inner.(interface{ Unwrap() []error }); many {
				t.Errorf("%s: %v is joined", name, err)
			}
		}
	}
}

// What is at the path of one of our files, and who made it.
func TestFilesOfOthersAreNeitherReplacedNorRemoved(t *testing.T) {
	const script = "/etc/init.d/guestrc"
	for name, c := range map[string]struct {
		spoil   func(path string) error
		ours    bool // it was installed by us before
		refuses string
	}{
		"file":      {func(p string) error { return os.WriteFile(p, []byte("theirs\n"), 0o600) }, false, "it is there, and is not guestrc's"},
		"link":      {func(p string) error { return os.Symlink("elsewhere", p) }, false, "it is there, and is not guestrc's"},
		"directory": {func(p string) error { return os.Mkdir(p, 0o755) }, false, "it is no regular file"},
		"edited":    {func(p string) error { return os.WriteFile(p, []byte("edited\n"), 0o755) }, true, "it was changed since guestrc installed it"},
		"re-linked": {func(p string) error { return errors.Join(os.Remove(p), os.Symlink("x", p)) }, true, "it was changed since guestrc installed it"},
	} {
		t.Run(name, func(t *testing.T) {
			root := place(t)
			put(t, root, "/etc/init.d/README", "")
			if c.ours {
				if err := within(root, install(version(1))); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.spoil(root + script); err != nil {
				t.Fatal(err)
			}
			spoilt := listing(t, root)[script]
			want := ideal(t, version(2))
			want["/etc/init.d/README"], want[script] = listing(t, root)["/etc/init.d/README"], spoilt
			err := within(root, install(version(2)))
			if err == nil || !strings.Contains(err.Error(), "cannot install "+root+script+": "+c.refuses) {
				t.Errorf("%v; want a refusal: %s", err, c.refuses)
			}
			same(t, want, listing(t, root)) // all others were installed
			err = within(root, uninstall)
			if c.ours && (err == nil || !strings.Contains(err.Error(), "cannot remove "+root+script+": it was changed")) || !c.ours && err != nil {
				t.Errorf("uninstall: %v", err)
			}
			if got := listing(t, root)[script]; got != spoilt {
				t.Errorf("it is %q now, and was %q", got, spoilt)
			}
		})
	}
}

func TestEditedSampleIsLeftAlone(t *testing.T) {
	root := place(t)
	const sample = "/etc/conf.d/qemu"
	put(t, root, sample, "memory=4G\n")
	for range 2 {
		if err := within(root, install(version(1))); err != nil {
			t.Fatal(err)
		}
	}
	if err := within(root, uninstall); err != nil {
		t.Fatal(err)
	}
	if got := listing(t, root)[sample]; got != "-rw-r--r-- memory=4G\n" {
		t.Errorf("it is %q", got)
	}

	root = place(t)
	if err := within(root, install(version(1))); err != nil {
		t.Fatal(err)
	}
	put(t, root, sample, "memory=4G\n")
	if err := errors.Join(within(root, install(version(2))), within(root, uninstall)); err != nil {
		t.Fatal(err)
	}
	if got := listing(t, root)[sample]; got != "-rw-r--r-- memory=4G\n" {
		t.Errorf("it is %q", got)
	}
}

func TestPathsStayBelowTheRoot(t *testing.T) {
	root, outside := place(t), t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, outside), 0o755); err != nil {
		t.Fatal(err)
	}
	// Links as images have them: absolute, and meant to be read in the image.
	for link, target := range map[string]string{"/etc/init.d": outside, "/usr": "../../../../../../../../../../" + outside} {
		if err := os.Symlink(target, root+link); err != nil {
			t.Fatal(err)
		}
	}
	if err := within(root, install(version(1))); err != nil {
		t.Fatal(err)
	}
	if found, _ := os.ReadDir(outside); len(found) != 0 {
		t.Errorf("written outside: %v", found)
	}
	for _, path := range []string{"guestrc", "lib/systemd/system/guestrc-qemu@.service"} {
		if _, err := os.Stat(filepath.Join(root, outside, path)); err != nil {
			t.Error(err)
		}
	}
}

func TestOneAtATime(t *testing.T) {
	root := place(t)
	err := within(root, func(*Manifest) error {
		err := within(root, uninstall)
		if err == nil || !strings.Contains(err.Error(), "another guestrc is changing what is installed") {
			t.Errorf("%v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestDamagedRecordChangesNothing(t *testing.T) {
	for _, text := range []string{"", "{", `{"version":2}`, `{"version":1,"files":{"../etc/passwd":{"target":"x"}}}`, `{"version":1,"files":{"/etc/passwd":{}}}`,
		`{"version":1,"dirs":["/"]}`} {
		root := place(t)
		put(t, root, RecordPath, text)
		before := listing(t, root)
		if err := within(root, install(version(1))); err == nil || !strings.Contains(err.Error(), "it is damaged") {
			t.Errorf("%q: %v", text, err)
		}
		same(t, before, listing(t, root))
	}
}

var errDead = errors.New("the process was killed")

// TestRunsCutShortAreCompleted stops each change at every moment: from there on
// nothing is changed any more, not even to clean up.
func TestRunsCutShortAreCompleted(t *testing.T) {
	begin := place(t)
	empty := listing(t, begin)
	v1, v2, v3 := ideal(t, version(1)), ideal(t, version(2)), ideal(t, version(3))
	for name, c := range map[string]struct {
		before []func(*Manifest) error
		cut    func(*Manifest) error
		then   map[string]func(*Manifest) error
		want   map[string]map[string]string
	}{
		"install": {nil, install(version(1)),
			map[string]func(*Manifest) error{"again": install(version(1)), "other": install(version(2)), "uninstall": uninstall},
			map[string]map[string]string{"again": v1, "other": v2, "uninstall": empty}},
		"upgrade": {[]func(*Manifest) error{install(version(1))}, install(version(2)),
			map[string]func(*Manifest) error{"again": install(version(2)), "other": install(version(3)), "uninstall": uninstall, "back": install(version(1))},
			map[string]map[string]string{"again": v2, "other": v3, "uninstall": empty, "back": v1}},
		"uninstall": {[]func(*Manifest) error{install(version(1))}, uninstall,
			map[string]func(*Manifest) error{"again": uninstall, "install": install(version(2))},
			map[string]map[string]string{"again": empty, "install": v2}},
	} {
		for after, then := range c.then {
			t.Run(name+"-"+after, func(t *testing.T) {
				for moment := 0; ; moment++ {
					root := place(t)
					for _, do := range c.before {
						if err := within(root, do); err != nil {
							t.Fatal(err)
						}
					}
					left, died := moment, false
					_ = withTree(root, func() error { // its error is that it died
						if left == 0 {
							died = true
							return errDead
						}
						left--
						return nil
					}, c.cut)
					if err := within(root, then); err != nil {
						t.Errorf("after %d changes: %v", moment, err)
					}
					if diff := cmp.Diff(c.want[after], listing(t, root)); diff != "" {
						t.Errorf("after %d changes (-want +got):\n%s", moment, diff)
					}
					if t.Failed() || !died {
						if moment < 5 {
							t.Errorf("only %d moments", moment)
						}
						return
					}
				}
			})
		}
	}
}

// TestMain is also the program that TestKilledInstall kills.
func TestMain(m *testing.M) {
	if root := os.Getenv("MANIFEST_TEST_ROOT"); root != "" {
		for n := 0; ; n++ {
			if err := within(root, install(version(n%3))); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
	}
	os.Exit(m.Run())
}

func TestKilledInstall(t *testing.T) {
	root := place(t)
	for n := range 12 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "MANIFEST_TEST_ROOT="+root)
		var said strings.Builder
		cmd.Stderr = &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(20+n*7)*time.Millisecond, func() { _ = cmd.Process.Kill() })
		err := cmd.Wait()
		timer.Stop()
		if cmd.ProcessState.Exited() {
			t.Fatalf("it ended by itself: %v\n%s", err, said.String())
		}
	}
	if err := within(root, install(version(1))); err != nil {
		t.Fatal(err)
	}
	same(t, ideal(t, version(1)), listing(t, root))
}

func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"version":1,"files":{"/etc/init.d/guestrc":{"sha256":"` + strings.Repeat("ab", 32) + `","pending":true,"before":{"target":"x"}}},"dirs":["/etc/init.d"]}`))
	f.Add([]byte(`{"version":1,"files":{"/../x":{"target":"y"}}}`))
	f.Add([]byte(`{"version":1,"files":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := parse(text)
		if err != nil {
			return
		}
		for path, e := range r.Files {
			if path == "/" || path != filepath.Clean("/"+path) || !e.valid() {
				t.Errorf("%q was let through: %+v", path, e)
			}
		}
	})
}
