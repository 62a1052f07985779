package initd

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/tests/need"
)

// fakeProgram is set where this test's binary stands in for guestrc: it writes a
// cache from a list of services, and notes that it was called.
const fakeProgram = "GUESTRC_TEST_FAKE_PROGRAM"

func TestMain(m *testing.M) {
	if dir := os.Getenv(fakeProgram); dir != "" {
		os.Exit(fake(dir))
	}
	os.Exit(m.Run())
}

func fake(dir string) int {
	began := time.Now()
	calls, err := os.OpenFile(filepath.Join(dir, "out", "calls"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return 1
	}
	fmt.Fprintln(calls, os.Args[1])
	run := filepath.Join(dir, "out")
	if calls.Close() != nil || Mark(run, os.Args[2], began) != nil || os.Getenv("FAIL") != "" {
		return 1
	}
	links, err := filepath.Glob(filepath.Join(dir, "init.d", "*.*"))
	if err != nil {
		return 1
	}
	var all []Depends
	for _, link := range links {
		name := filepath.Base(link)
		text, _ := os.ReadFile(filepath.Join(dir, "conf.d", name)) // none says nothing
		all = append(all, Depends{Service: name, Inputs: []string{filepath.Join(dir, "conf.d", name), filepath.Join(dir, "lib", "more", "odd '$(touch /x)' name")},
			Lines: []Line{{"want", strings.Fields(string(text))}}, Config: []string{filepath.Join(dir, "lxc")}})
	}
	if WriteCache(run, began, all) != nil {
		return 1
	}
	return 0
}

// world is a directory with links, conf.d, and the script, changed only in
// where its cache and its program are.
type world struct {
	t   *testing.T
	dir string
}

func newWorld(t *testing.T, services ...string) world {
	t.Helper()
	w := world{t, t.TempDir()}
	for _, dir := range []string{"init.d", "conf.d", "lib", "out"} {
		if err := os.Mkdir(filepath.Join(w.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	program := fmt.Sprintf("#!/bin/sh\n%s=%s exec /proc/%d/exe \"$@\"\n", fakeProgram, w.dir, os.Getpid())
	w.write("guestrc", program, 0o755)
	w.write("init.d/guestrc", strings.ReplaceAll(Script, "/run/guestrc", w.dir+"/out"), 0o755)
	for _, s := range services {
		w.write("conf.d/"+s, "net.of-"+s+"\n", 0o644)
		if err := os.Symlink("guestrc", filepath.Join(w.dir, "init.d", s)); err != nil {
			t.Fatal(err)
		}
	}
	w.age(time.Minute)
	return w
}

func (w world) write(name, text string, mode os.FileMode) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), mode); err != nil {
		w.t.Fatal(err)
	}
}

// age makes everything so much older: as if time had passed.
func (w world) age(by time.Duration) {
	w.t.Helper()
	err := filepath.Walk(w.dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.Mode()&os.ModeSymlink != 0 {
			return err
		}
		then := info.ModTime().Add(-by)
		return os.Chtimes(path, then, then)
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// date sets the time of a file, and no other's.
func (w world) date(name string, when time.Time) {
	w.t.Helper()
	if err := os.Chtimes(filepath.Join(w.dir, name), when, when); err != nil {
		w.t.Fatal(err)
	}
}

// calculate does what OpenRC's gendepends.sh does with each script.
const calculate = `
for word in keyword use want need after before provide config; do
	eval "$word() { [ $word = keyword ] || [ -z \"\$*\" ] || echo \"\$RC_SVCNAME $word \$*\"; }"
done
cd "$1/init.d"
for RC_SVCNAME in *; do
	( GUESTRC=$1/guestrc; . "./$RC_SVCNAME"; depend ) || echo "$RC_SVCNAME failed"
done
`

// run calculates the dependencies and returns those that the cache gave, and how
// often the program was called.
func (w world) run(shell []string) (lines []string, calls int) {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), shell[0], append(shell[1:], "-c", calculate, "sh", w.dir)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil || errs.Len() > 0 {
		w.t.Fatalf("%v: %v\n%s%s", shell, err, out.String(), errs.String())
	}
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, " want net net.of-") || strings.Contains(line, " config ") || strings.Contains(line, "failed") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	called, _ := os.ReadFile(filepath.Join(w.dir, "out", "calls"))
	os.Remove(filepath.Join(w.dir, "out", "calls"))
	if text := strings.ReplaceAll(string(called), "__depend\n", ""); text != "" {
		w.t.Errorf("the program was called as %q", called)
	}
	return lines, bytes.Count(called, []byte("\n"))
}

// config is what OpenRC is to look at.
func (w world) config() string { return w.dir + "/out/root=" + w.dir + "/lxc" }

func (w world) wants(services ...string) (lines []string) {
	for _, s := range services {
		lines = append(lines, s+" want net net.of-"+s, s+" config "+w.config())
	}
	return lines
}

func shells(t *testing.T, each func(t *testing.T, shell []string)) {
	for _, shell := range [][]string{{"dash"}, {"bash", "--posix"}, {"busybox", "sh"}} {
		t.Run(shell[0], func(t *testing.T) {
			need.Programs(t, shell[0])
			each(t, shell)
		})
	}
}

func (w world) expect(shell []string, when string, calls int, lines []string) {
	w.t.Helper()
	got, called := w.run(shell)
	if called != calls {
		w.t.Errorf("%s: the program was called %d times, want %d", when, called, calls)
	}
	if diff := cmp.Diff(lines, got); diff != "" {
		w.t.Errorf("%s:\n%s", when, diff)
	}
}

// The gate comes after all guests that there are, and after no bridge; it needs
// neither the program nor its cache.
func TestGateComesAfterAllGuests(t *testing.T) {
	shells(t, func(t *testing.T, shell []string) {
		for services, want := range map[string]string{"lxc.web net.br0 qemu.b": "lxc.web qemu.b", "": "lxc.* qemu.*"} {
			w := newWorld(t, strings.Fields(services)...)
			if err := os.Remove(filepath.Join(w.dir, "guestrc")); err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), shell[0], append(shell[1:], "-c", calculate, "sh", w.dir)...).Output()
			if err != nil || !strings.Contains("\n"+string(out), "\nguestrc after "+want+"\n") {
				t.Errorf("%q: %v\n%s\nwant it after %s", services, err, out, want)
			}
		}
	})
}

func TestOneCalculationCallsTheProgramOnceAtMost(t *testing.T) {
	shells(t, func(t *testing.T, shell []string) {
		w := newWorld(t, "lxc.web", "qemu.a", "qemu.b")
		all := w.wants("lxc.web", "qemu.a", "qemu.b")
		w.expect(shell, "without a cache", 1, all)
		w.expect(shell, "with a fresh cache", 0, all)
		w.age(time.Minute)
		w.write("conf.d/qemu.a", "net.of-qemu.a net.more\n", 0o644)
		w.date("conf.d/qemu.a", time.Now().Add(-30*time.Second))
		changed := append(all[:2:2], append([]string{"qemu.a want net net.of-qemu.a net.more"}, all[3:]...)...)
		w.expect(shell, "after an edit", 1, changed)
		w.expect(shell, "and then", 0, changed)
		w.date("conf.d/qemu.b", time.Now().Add(time.Hour))
		for range 2 { // each sees it, and each asks once
			w.expect(shell, "with a file of the future", 1, changed)
		}
	})
}

// An edit in the second in which the cache is made is seen, be it before or
// after, also by shells that count whole seconds; one before that second is in
// the cache.
func TestEditInTheSecondOfTheCacheIsNoticed(t *testing.T) {
	shells(t, func(t *testing.T, shell []string) {
		second := time.Now().Add(-time.Minute).Truncate(time.Second)
		for edit, calls := range map[time.Duration]int{-1100 * time.Millisecond: 0, 0: 1, 100 * time.Millisecond: 1, 900 * time.Millisecond: 1, 1100 * time.Millisecond: 1} {
			w := newWorld(t, "qemu.a")
			w.age(time.Hour)
			input := filepath.Join(w.dir, "conf.d", "qemu.a")
			if err := Mark(filepath.Join(w.dir, "out"), "1-1", time.Now()); err != nil {
				t.Fatal(err)
			}
			services := []Depends{{Service: "qemu.a", Inputs: []string{input}, Lines: []Line{{"want", []string{"net.of-qemu.a"}}}, Config: []string{w.dir + "/lxc"}}}
			if err := WriteCache(filepath.Join(w.dir, "out"), second.Add(500*time.Millisecond), services); err != nil {
				t.Fatal(err)
			}
			w.date("conf.d/qemu.a", second.Add(edit))
			w.expect(shell, fmt.Sprintf("edited %v after the second began", edit), calls, w.wants("qemu.a"))
		}
	})
}

// A link on the way to an input may lead elsewhere, and a file may be replaced
// where a link leads to.
func TestLinksOnTheWayAreWatched(t *testing.T) {
	shells(t, func(t *testing.T, shell []string) {
		w := newWorld(t, "qemu.a")
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		input := filepath.Join(w.dir, "conf.d", "qemu.a")
		must(os.MkdirAll(filepath.Join(w.dir, "lib/one/deep"), 0o755))
		must(os.MkdirAll(filepath.Join(w.dir, "lib/two/deep"), 0o755))
		w.write("lib/one/deep/file", "net.of-qemu.a\n", 0o644)
		w.write("lib/two/deep/file", "net.of-qemu.a net.two\n", 0o644)
		must(os.Symlink("one", filepath.Join(w.dir, "lib/hop")))
		must(os.Remove(input))
		must(os.Symlink("../lib/hop/deep/file", input))
		w.age(time.Hour)
		w.expect(shell, "at first", 1, w.wants("qemu.a"))
		w.age(time.Minute)
		must(os.Remove(filepath.Join(w.dir, "lib/hop")))
		must(os.Symlink("two", filepath.Join(w.dir, "lib/hop")))
		w.date("lib", time.Now().Add(-30*time.Second))
		two := append([]string{"qemu.a want net net.of-qemu.a net.two"}, w.wants("qemu.a")[1:]...)
		w.expect(shell, "with a link that leads elsewhere", 1, two)
		w.expect(shell, "and then", 0, two)
		w.age(time.Minute)
		w.write("lib/old", "net.of-qemu.a\n", 0o644)
		w.date("lib/old", time.Now().Add(-24*time.Hour))
		must(os.Rename(filepath.Join(w.dir, "lib/old"), filepath.Join(w.dir, "lib/two/deep/file")))
		w.date("lib/two/deep", time.Now().Add(-30*time.Second))
		w.expect(shell, "with an old file in the place", 1, w.wants("qemu.a"))
	})
}

// Of a cache that seems to be made later than now nothing can be told.
func TestCacheOfTheFutureIsMadeAnew(t *testing.T) {
	shells(t, func(t *testing.T, shell []string) {
		w := newWorld(t, "qemu.a")
		w.expect(shell, "at first", 1, w.wants("qemu.a"))
		w.expect(shell, "and then", 0, w.wants("qemu.a"))
		w.date("out/depend/stamp", time.Now().Add(time.Hour))
		w.expect(shell, "with the clock set back", 1, w.wants("qemu.a"))
		w.expect(shell, "after that", 0, w.wants("qemu.a"))
	})
}

// OpenRC would walk through a directory that it is told of, and all below it.
func TestOpenRCIsToldOfNoTree(t *testing.T) {
	run, dir := t.TempDir(), t.TempDir()
	for _, path := range []string{"flat", "tree/below", "links"} {
		if err := os.MkdirAll(filepath.Join(dir, path), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/", filepath.Join(dir, "links", "x")); err != nil {
		t.Fatal(err)
	}
	var config []string
	for _, name := range []string{"file", "flat", "tree", "links", "#x/file", "a b"} {
		config = append(config, filepath.Join(dir, name))
	}
	if err := WriteCache(run, time.Now(), []Depends{{Service: "lxc.a", Config: config}}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(run, "depend", "lxc.a"))
	want := fmt.Sprintf("configs='%[1]s/root=%[2]s/file %[1]s/root=%[2]s/flat'\n", run, dir)
	if err != nil || !strings.Contains(string(text), want) {
		t.Errorf("%v: %s\nwant %s", err, text, want)
	}
}

// A program that fails is not run for every service.
func TestFailureIsNotRepeated(t *testing.T) {
	t.Setenv("FAIL", "yes")
	shells(t, func(t *testing.T, shell []string) {
		w := newWorld(t, "qemu.a", "qemu.b", "qemu.c")
		w.expect(shell, "with a program that fails", 1, nil)
		w.expect(shell, "at the next calculation", 1, nil)
	})
}

func TestWhatComesAndGoesIsNoticed(t *testing.T) {
	shells(t, func(t *testing.T, shell []string) {
		w := newWorld(t, "qemu.a", "qemu.b")
		w.expect(shell, "at first", 1, w.wants("qemu.a", "qemu.b"))
		w.age(time.Minute)
		if err := os.Symlink("guestrc", filepath.Join(w.dir, "init.d", "qemu.c")); err != nil {
			t.Fatal(err)
		}
		with := append(w.wants("qemu.a", "qemu.b"), "qemu.c config "+w.config())
		w.expect(shell, "with a new link", 1, with)
		w.age(time.Minute)
		// A file that is moved there with an old time changes its directory.
		old := time.Now().Add(-time.Hour)
		w.write("c", "net.of-qemu.c\n", 0o644)
		if err := os.Chtimes(filepath.Join(w.dir, "c"), old, old); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(w.dir, "c"), filepath.Join(w.dir, "conf.d", "qemu.c")); err != nil {
			t.Fatal(err)
		}
		w.expect(shell, "with its file", 1, w.wants("qemu.a", "qemu.b", "qemu.c"))
		w.age(time.Minute)
		if err := os.Remove(filepath.Join(w.dir, "conf.d", "qemu.b")); err != nil {
			t.Fatal(err)
		}
		w.expect(shell, "with one file less", 1, append(w.wants("qemu.a"), append([]string{"qemu.b config " + w.config()}, w.wants("qemu.c")...)...))
	})
}

func TestWithoutTheProgramThereIsNoError(t *testing.T) {
	shells(t, func(t *testing.T, shell []string) {
		w := newWorld(t, "qemu.a")
		if err := os.Remove(filepath.Join(w.dir, "guestrc")); err != nil {
			t.Fatal(err)
		}
		w.expect(shell, "without the program", 0, nil)
	})
}

func TestCacheIsReplacedAsAWhole(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	began := time.Now()
	for _, old := range []string{".depend-old", "made-9-9"} {
		if err := os.MkdirAll(filepath.Join(run, old), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(run, old), began.Add(-2*keptFor), began.Add(-2*keptFor)); err != nil {
			t.Fatal(err)
		}
	}
	for _, services := range [][]Depends{{{Service: "qemu.a"}, {Service: "qemu.b"}}, {{Service: "qemu.c", Lines: []Line{{"need", []string{"net.br0", "two words", "it's", "a*"}}}}}} {
		for _, calculation := range []string{"4194305-1", fmt.Sprintf("%d-1", os.Getpid())} { // one beyond PID_MAX_LIMIT
			if err := Mark(run, calculation, began); err != nil {
				t.Fatal(err)
			}
		}
		if err := WriteCache(run, began, services); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(run, "depend", "qemu.c"))
	if want := "[ ! -e \"$stamp\" -o \"$stamp\" -nt \"/proc/$$\" ] && [ ! -e \"$made\" ] && return 1\nneeds='net.br0 it'\\''s'\nreturn 0\n"; err != nil || string(text) != want {
		t.Errorf("%q, %v", text, err)
	}
	for dir, want := range map[string][]string{run: {"depend", fmt.Sprintf("made-%d-1", os.Getpid()), "root="}, filepath.Join(run, "depend"): {"qemu.c", "stamp"}} {
		var got []string
		entries, err := os.ReadDir(dir)
		for _, e := range entries {
			got = append(got, e.Name())
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", dir, err, diff)
		}
	}
	for _, wrong := range []string{"", "42", "42-", "../x-1", "a-b"} {
		if err := Mark(run, wrong, began); err == nil {
			t.Errorf("%q is taken for a calculation", wrong)
		}
	}
	if Mark("/proc/nowhere", "1-1", began) == nil || WriteCache("/proc/nowhere", began, nil) == nil {
		t.Error("no error where nothing can be written")
	}
}

// Calculations at the same time all end with a whole cache.
func TestCachesAreMadeAtTheSameTime(t *testing.T) {
	run := t.TempDir()
	errs := make(chan error)
	const writers = 8
	for range writers {
		go func() { errs <- WriteCache(run, time.Now(), []Depends{{Service: "qemu.a"}, {Service: "qemu.b"}}) }()
	}
	for range writers {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(run, "depend")); err != nil || len(entries) != 3 {
		t.Errorf("%v, %v", entries, err)
	}
}
