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

// stampName is the file whose time says when the cache was made, and whose text
// says for which shell: a calculation that takes its time does not have the
// cache made twice.
const stampName = "stamp"

// WriteCache replaces the cache in dir: for each service a file that the script's
// depend() reads. shell is the process that calculates the dependencies, and
// began the time before the first input was read.
//
// The shells' "test -nt" may count whole seconds. Where an input was changed in
// the second of began, or since, the stamp is dated back, so that the next
// calculation makes the cache once more.
func WriteCache(dir string, shell int, began time.Time, services []Depends) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return fmt.Errorf("cannot make the cache of dependencies: %w", err)
	}
	fresh, err := os.MkdirTemp(filepath.Dir(dir), ".depend-")
	if err != nil {
		return fmt.Errorf("cannot make the cache of dependencies: %w", err)
	}
	defer os.RemoveAll(fresh) // later on, this is the old cache
	if err := fill(fresh, shell, began, services); err != nil {
		return fmt.Errorf("cannot write the cache of dependencies: %w", err)
	}
	err = unix.Renameat2(unix.AT_FDCWD, fresh, unix.AT_FDCWD, dir, unix.RENAME_EXCHANGE)
	if errors.Is(err, fs.ErrNotExist) {
		err = unix.Renameat2(unix.AT_FDCWD, fresh, unix.AT_FDCWD, dir, unix.RENAME_NOREPLACE)
	}
	if err != nil {
		return fmt.Errorf("cannot put the cache of dependencies in place at %s: %w", dir, err)
	}
	return nil
}

func fill(dir string, shell int, began time.Time, services []Depends) error {
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	looked := watch{}
	stamp := began
	for _, s := range services {
		inputs := looked.add(s.Inputs)
		if err := os.WriteFile(filepath.Join(dir, s.Service), []byte(s.fragment(shell, inputs)), 0o644); err != nil {
			return err
		}
	}
	if second := began.Truncate(time.Second); looked.latest.Compare(second) >= 0 {
		stamp = second.Add(-2 * time.Second)
	}
	path := filepath.Join(dir, stampName)
	if err := os.WriteFile(path, fmt.Appendln(nil, shell), 0o644); err != nil {
		return err
	}
	return os.Chtimes(path, stamp, stamp)
}

// watch finds out what has to be looked at to notice a change of an input, and
// the latest change of all. A file that is removed, or put there with an old
// time, changes its directory.
type watch struct {
	seen   map[string]bool // whether it exists
	latest time.Time
}

func (w *watch) add(inputs []string) []string {
	var all []string
	for _, path := range inputs {
		for there := w.look(path); ; there = w.look(path) {
			if there && !slices.Contains(all, path) {
				all = append(all, path)
			}
			parent := filepath.Dir(path)
			if parent == path || there && !slices.Contains(inputs, path) {
				break // a directory that exists is as far as a change can be seen
			}
			path = parent
		}
	}
	return all
}

func (w *watch) look(path string) bool {
	there, known := w.seen[path]
	if known {
		return there
	}
	info, err := os.Stat(path)
	if err == nil && info.ModTime().After(w.latest) {
		w.latest = info.ModTime()
	}
	if w.seen == nil {
		w.seen = map[string]bool{}
	}
	w.seen[path] = err == nil
	return err == nil
}

// variables are those that the script's depend() hands to OpenRC's words.
var variables = map[string]string{"need": "needs", "use": "uses", "want": "wants", "after": "afters", "before": "befores", "provide": "provides"}

// fragment is what the script reads in: POSIX shell.
func (d Depends) fragment(shell int, inputs []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "fresh %d", shell)
	for _, path := range inputs {
		b.WriteString(" " + quote(path))
	}
	b.WriteString(" || return 1\n")
	for _, l := range d.Lines {
		b.WriteString(assignment(variables[l.Word], l.Names))
	}
	b.WriteString(assignment("configs", d.Config))
	return b.String()
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
