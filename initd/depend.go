package initd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Depends is what the depend() of one service says besides what it says for
// all: the words of openrc-run(8), and the files that it was worked out from.
type Depends struct {
	Service string
	Lines   []Line
	Config  []string // OpenRC is to look at these for changes, besides conf.d
	Inputs  []string // all files and directories it depends on
}

// Line is one word and its operands: "want net.br0".
type Line struct {
	Word  string
	Names []string
}

// The names in the directory of runs. A mark has the name of the calculation
// that the cache was made for, so that one which takes its time does not have it
// made twice; asides are caches in the making.
const (
	cacheName   = "depend"
	stampName   = "stamp" // in the cache; its time says when that was made
	markPrefix  = "made-"
	asidePrefix = ".depend-"
	rootName    = "root=" // a link to /, see configPath
)

// configPath writes a path in a way that OpenRC takes note of: up to 0.64 at
// least, it reads back what the word config gave it by rc_config_list, which drops
// lines without a "=" (librc-misc.c).
func configPath(dir, path string) string { return filepath.Join(dir, rootName) + path }

// keptFor is how long marks and forgotten asides stay. No calculation takes as
// long.
const keptFor = time.Hour

// Mark notes in dir that the calculation has had its cache made, whatever comes
// of it, and sweeps what was left by others. calculation is PID-PPID of its shell:
// a number alone comes again.
func Mark(dir, calculation string, now time.Time) error {
	if !calculationPattern(calculation) {
		return fmt.Errorf("cannot make the cache of dependencies: %q is no calculation", calculation)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot make the cache of dependencies: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("cannot make the cache of dependencies: %w", err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), markPrefix) && !strings.HasPrefix(e.Name(), asidePrefix) {
			continue
		}
		pid, _, _ := strings.Cut(strings.TrimPrefix(e.Name(), markPrefix), "-")
		_, err := os.Stat("/proc/" + pid)
		ended := number(pid) && errors.Is(err, fs.ErrNotExist)
		if info, err := e.Info(); ended || err == nil && now.Sub(info.ModTime()).Abs() > keptFor {
			_ = os.RemoveAll(filepath.Join(dir, e.Name())) // the next one will
		}
	}
	if err := os.Symlink("/", filepath.Join(dir, rootName)); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("cannot make the cache of dependencies: %w", err)
	}
	// Empty, so that it can be made on a full file system.
	f, err := os.OpenFile(filepath.Join(dir, markPrefix+calculation), os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("cannot make the cache of dependencies: %w", err)
	}
	return f.Close()
}

func calculationPattern(text string) bool {
	pid, parent, ok := strings.Cut(text, "-")
	return ok && number(pid) && number(parent)
}

func number(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// WriteCache replaces the cache in dir: for each service a file that the script's
// depend() reads. began is the time before the first input was read.
func WriteCache(dir string, began time.Time, services []Depends) error {
	fresh, err := os.MkdirTemp(dir, asidePrefix)
	if err != nil {
		return fmt.Errorf("cannot make the cache of dependencies: %w", err)
	}
	defer os.RemoveAll(fresh) // later on, this is the old cache
	if err := fill(fresh, dir, began, services); err != nil {
		return fmt.Errorf("cannot write the cache of dependencies: %w", err)
	}
	if err := exchange(fresh, filepath.Join(dir, cacheName)); err != nil {
		return fmt.Errorf("cannot put the cache of dependencies in place: %w", err)
	}
	return nil
}

// exchange puts fresh in the place of dir, and what was there in that of fresh.
func exchange(fresh, dir string) error {
	swap := func(flags uint) error { return unix.Renameat2(unix.AT_FDCWD, fresh, unix.AT_FDCWD, dir, flags) }
	err := swap(unix.RENAME_EXCHANGE)
	if errors.Is(err, fs.ErrNotExist) {
		err = swap(unix.RENAME_NOREPLACE)
	}
	if errors.Is(err, fs.ErrExist) { // another calculation's was the first
		err = swap(unix.RENAME_EXCHANGE)
	}
	if errors.Is(err, unix.EINVAL) { // a file system without these, as ZFS before 2.2
		old := fresh + "-old"
		if err := os.Rename(dir, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return errors.Join(os.Rename(fresh, dir), os.RemoveAll(old))
	}
	return err
}

// fileClock is by how much the time that a kernel gives files may lag behind
// the clock: a tick, at 100 Hz twice.
const fileClock = 20 * time.Millisecond

// fill writes the files of a cache. "test -nt" of busybox counts whole seconds,
// that of others nanoseconds; an input changed in the second of began, or since,
// is newer than the stamp in both.
func fill(dir, run string, began time.Time, services []Depends) error {
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	looked := watch{}
	for _, s := range services {
		if err := os.WriteFile(filepath.Join(dir, s.Service), []byte(s.fragment(run, looked.add(s.Inputs))), 0o644); err != nil {
			return err
		}
	}
	path, stamp := filepath.Join(dir, stampName), began.Add(-fileClock).Truncate(time.Second).Add(-1)
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		return err
	}
	return os.Chtimes(path, stamp, stamp)
}

// watch finds out what has to be looked at to notice a change of an input: a file
// that is removed, or put there with an old time, changes its directory, and so
// does a symbolic link on the way to it that leads elsewhere now.
type watch map[string]os.FileMode // of what exists, links not followed

// maxLinks is what the kernel follows in one path (path_resolution(7)).
const maxLinks = 40

func (w watch) add(inputs []string) (all []string) {
	for _, path := range inputs {
		links := 0
		all = w.follow(all, path, &links)
	}
	return all
}

// follow adds path if it exists, else the directory where it would be, and what
// its way there depends on.
func (w watch) follow(all []string, path string, links *int) []string {
	add := func(path string) {
		if !slices.Contains(all, path) {
			all = append(all, path)
		}
	}
	rest := strings.Split(strings.Trim(filepath.Clean(path), "/"), "/")
	at := "/"
	for i, name := range rest {
		above := at
		at = filepath.Join(at, name)
		mode, there := w.look(at)
		switch {
		case !there:
			add(above)
			return all
		case mode&os.ModeSymlink != 0:
			add(above)
			target, err := os.Readlink(at)
			if *links++; err != nil || *links > maxLinks {
				return all
			}
			if !filepath.IsAbs(target) {
				target = filepath.Join(above, target)
			}
			return w.follow(all, filepath.Join(append([]string{target}, rest[i+1:]...)...), links)
		case i == len(rest)-1:
			add(above)
			add(at)
		}
	}
	return all
}

func (w watch) look(path string) (mode os.FileMode, there bool) {
	if mode, known := w[path]; known {
		return mode, mode != gone
	}
	w[path] = gone
	if info, err := os.Lstat(path); err == nil {
		w[path] = info.Mode()
	}
	return w[path], w[path] != gone
}

// gone is no file's mode.
const gone = ^os.FileMode(0)

// variable is the one that the script's depend() hands to OpenRC's word.
func variable(word string) string {
	switch word {
	case "need", "use", "want", "after", "before", "provide":
		return word + "s"
	}
	return ""
}

// fragment is what the script reads in: POSIX shell, but for -nt, which every
// shell has that is a /bin/sh. One test of all inputs is the fastest, a thousand
// times. A stamp from the future, as the clock was set back, tells nothing.
func (d Depends) fragment(run string, inputs []string) string {
	var b strings.Builder
	b.WriteString(`[ ! -e "$stamp" -o "$stamp" -nt "/proc/$$"`)
	for _, path := range inputs {
		b.WriteString(" -o " + quote(path) + ` -nt "$stamp"`)
	}
	b.WriteString(" ] && [ ! -e \"$made\" ] && return 1\n")
	for _, l := range d.Lines {
		b.WriteString(assignment(variable(l.Word), l.Names))
	}
	var config []string
	for _, path := range d.Config {
		if !strings.Contains(path, "#") && !deep(path) { // a comment to rc_config_list
			config = append(config, configPath(run, path))
		}
	}
	b.WriteString(assignment("configs", config))
	b.WriteString("return 0\n")
	return b.String()
}

// deep tells whether path is a directory with directories in it. OpenRC would
// look at all that is below it, wherever links lead (deep_mtime_check in
// librc-depend.c): a container's root, or the host's.
func deep(path string) bool {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return false
	}
	entries, err := os.ReadDir(path)
	return err != nil || slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		info, err := os.Stat(filepath.Join(path, e.Name()))
		return err == nil && info.IsDir()
	})
}

// assignment leaves out what OpenRC's cache, which is split at blanks, cannot
// hold, and what the shell would take for a pattern.
func assignment(variable string, names []string) string {
	words := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !plain(name) })
	if variable == "" || len(words) == 0 {
		return ""
	}
	return variable + "=" + quote(strings.Join(words, " ")) + "\n"
}

func plain(name string) bool {
	return name != "" && strings.IndexFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune("*?[\\", r) }) < 0
}

// quote makes one word of a POSIX shell of text.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
