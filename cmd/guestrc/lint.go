package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/finding"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/lint"
)

// linted is a file, and what is wrong with it.
type linted struct {
	name  string
	given bool // by the caller, and not found in a directory
	found []finding.Finding
	other bool // it is of another program
}

func lintVerb(ctx context.Context, e *env, args []string) error {
	least, silenced, err := e.lintFlags()
	if err != nil {
		return err
	}
	files := lintFiles(args)
	l := lint.New(lint.World{Service: e.servicesBeside(files)})
	guest.Each(len(files), runtime.NumCPU(), func(i int) {
		if ctx.Err() == nil {
			files[i] = files[i].within(ctx, l, e.stdin)
		}
	})
	found, looked := []finding.Finding{}, 0
	for _, f := range files {
		if f.other && f.given {
			e.out.warn(&guest.Error{Msg: f.name + " is neither an init script nor a conf.d file: nothing is said of it",
				Hint: "an init script begins with #!/sbin/openrc-run"})
		}
		if !f.other {
			looked++
		}
		for _, one := range f.found {
			if one.Severity.AtLeast(least) && !silenced[strings.ToUpper(one.ID)] {
				found = append(found, one)
			}
		}
	}
	if err := errors.Join(ctx.Err(), e.tellLinted(found, looked)); err != nil {
		return err
	}
	if status := finding.ExitStatus(found); status != 0 {
		return silent(status)
	}
	return nil
}

func (e *env) lintFlags() (least finding.Severity, silenced map[string]bool, err error) {
	text, _ := e.flags.GetString("severity")
	least = finding.Severity(text)
	if text == "" {
		least = finding.Info
	}
	if !least.Valid() {
		return "", nil, usage(fmt.Sprintf("cannot read --severity %q", text), "error, warning or info")
	}
	silenced = map[string]bool{}
	list, _ := e.flags.GetString("disable")
	for _, id := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		if _, ok := lint.Rules().Rule(id); !ok {
			return "", nil, usage(fmt.Sprintf("cannot disable %q: no rule has that id", id), "docs/checks.md lists the ids")
		}
		silenced[strings.ToUpper(id)] = true
	}
	return least, silenced, nil
}

// tellLinted prints what was found.
func (e *env) tellLinted(found []finding.Finding, looked int) error {
	sarif, _ := e.flags.GetBool("sarif")
	switch {
	case sarif && e.wantJSON():
		return usage("cannot print --json and --sarif at once", "")
	case sarif:
		return e.printJSON(lint.Rules().Sarif(release, found))
	case e.wantJSON():
		return e.printJSON(map[string]any{"version": 1, "findings": found})
	}
	for _, f := range found {
		fmt.Fprintf(e.stdout, "%s: %s %s: %s\n", line(f.Pos.String()), f.Severity, f.ID, line(f.Message))
		if f.Hint != "" {
			fmt.Fprintf(e.stdout, "     hint: %s\n", line(f.Hint))
		}
	}
	if len(found) > 0 {
		fmt.Fprintf(e.stdout, "%s in %s; guestrc help %s tells why it matters\n", finding.Count(found), plural(looked, "file"), found[0].ID)
	} else {
		fmt.Fprintf(e.stdout, "%s looked at: nothing found\n", plural(looked, "file"))
	}
	return nil
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// lintFiles are those that the operands name: files, and what lies below
// directories, but for copies that editors and package managers leave. Several
// links to one script are one.
func lintFiles(args []string) (files []*linted) {
	seen := map[[2]uint64]bool{}
	add := func(name string, given bool) {
		if !again(seen, name) {
			files = append(files, &linted{name: name, given: given})
		}
	}
	for _, arg := range args {
		if info, err := os.Stat(arg); err != nil || !info.IsDir() {
			add(arg, true)
			continue
		}
		below := strings.TrimSuffix(arg, "/") + "/"                                     // else a link to a directory would not be followed
		filepath.WalkDir(below, func(name string, entry fs.DirEntry, err error) error { // never fails: what cannot be read is told as a file
			name = filepath.Clean(name)
			switch {
			case err != nil:
				add(name, true)
			case name == filepath.Clean(below):
			case strings.HasPrefix(entry.Name(), ".") || leftAside(entry.Name()):
				if entry.IsDir() {
					return fs.SkipDir
				}
			case !isOther(name):
				add(name, false)
			}
			return nil
		})
	}
	return files
}

// isOther tells whether a name in a directory is no file: a directory, a socket.
func isOther(name string) bool {
	info, err := os.Stat(name)
	return err == nil && !info.Mode().IsRegular()
}

// again tells whether the file was seen, under whatever name.
func again(seen map[[2]uint64]bool, name string) bool {
	var st unix.Stat_t
	if unix.Stat(name, &st) != nil {
		return false
	}
	key := [2]uint64{uint64(st.Dev), st.Ino}
	was := seen[key]
	seen[key] = true
	return was
}

func pathCause(err error) error {
	if e := new(fs.PathError); errors.As(err, &e) {
		return e.Err
	}
	return err
}

// within looks at the file and gives up when that takes too long: a file may lie
// on a host that is gone, and text may be written to hold up a reader.
func (f *linted) within(ctx context.Context, l *lint.Linter, stdin io.Reader) *linted {
	if f.name == "-" { // whoever types takes his time
		f.lint(l, stdin)
		return f
	}
	one, err := inTime(ctx, func(context.Context) (*linted, error) {
		one := *f
		one.lint(l, stdin)
		return &one, nil
	})
	if err == nil {
		return one
	}
	if ctx.Err() == nil { // the time was over, not the whole
		f.found = []finding.Finding{lint.Unreadable(f.name, err)}
	}
	return f
}

// lint reads the file and looks at it.
func (f *linted) lint(l *lint.Linter, stdin io.Reader) {
	var src []byte
	var err error
	if f.name == "-" {
		src, err = io.ReadAll(io.LimitReader(stdin, lint.MaxSize+1))
	} else {
		src, err = readScript(f.name)
	}
	switch {
	case err != nil:
		f.found = []finding.Finding{lint.Unreadable(f.name, pathCause(err))}
	case lint.KindOf(f.name, src) == lint.Other:
		f.other = true
	default:
		f.found = l.Lint(f.name, src)
	}
}

// readScript reads a regular file. What is none is not even opened: a watchdog, a
// tape or a FIFO would notice.
func readScript(name string) ([]byte, error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(f, lint.MaxSize+1))
}

// servicesBeside tells which services exist: those of the host's OpenRC, those
// that lie beside the files, and what these provide. Nil where there is no OpenRC
// to ask: then nobody can say that one is missing.
func (e *env) servicesBeside(files []*linted) func(string) bool {
	dir := e.house.Layout.InitDir()
	if _, err := os.Stat(filepath.Join(dir, "localmount")); err != nil { // OpenRC's own, wherever it is installed
		return nil
	}
	dirs := map[string]bool{dir: true}
	for _, f := range files {
		dirs[filepath.Dir(f.name)] = true
	}
	provided := sync.OnceValue(func() map[string]bool { return provides(dirs) })
	return func(name string) bool {
		for dir := range dirs {
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				return true
			}
		}
		return provided()[name]
	}
}

// provides are the names that scripts in dirs stand in for.
func provides(dirs map[string]bool) map[string]bool {
	names := map[string]bool{}
	for dir := range dirs {
		entries, _ := os.ReadDir(dir) // one that cannot be read provides nothing
		for _, entry := range entries {
			src, err := readScript(filepath.Join(dir, entry.Name()))
			if err != nil || lint.KindOf(entry.Name(), src) != lint.Script {
				continue
			}
			for _, name := range lint.Provides(src) {
				names[name] = true
			}
		}
	}
	return names
}
