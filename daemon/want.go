package daemon

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
)

// Want is what must hold of a process, besides its claim. The zero value asks
// for nothing.
type Want struct {
	Exe  string // absolute path of the program, or of the script, that it runs
	User *int   // as which user: its effective uid
}

// Found is a process that is believed to be the one, held by a pidfd.
type Found struct {
	*pidfile.Process
	Name string   // as the kernel has it: 15 bytes (proc_pid_comm(5))
	As   string   // which of the names asked for it has; "" by a pidfile
	Why  []string // clauses about it, each a reason to believe so
}

// String is "process 4711 (nginx)", in one line.
func (f Found) String() string {
	return fmt.Sprintf("process %d (%s)", f.Pid(), strings.ReplaceAll(f.Name, "\n", "?"))
}

// facts are what is known of a process that may be the one.
type facts struct {
	p       *pidfile.Process
	status  status
	name    string
	yes, no []string
	program bool // it runs Want.Exe
}

// examine holds a process against what is wanted, and against what is never
// signalled. The process is one that Capture has given.
func (w Want) examine(p *pidfile.Process) (f facts, err error) {
	f.p = p
	if f.status, err = statusOf(p); err != nil {
		return f, err
	}
	comm, err := p.ReadProc("comm", 64)
	if err != nil {
		return f, err
	}
	f.name = strings.TrimSuffix(string(comm), "\n")
	if n := f.status.namespaces; n > 1 {
		f.no = append(f.no, "it is in another pid namespace, a container's")
	}
	if w.Exe != "" {
		if err := w.program(&f); err != nil {
			return f, err
		}
	}
	if w.User != nil {
		have, want := userName(f.status.effective()), userName(*w.User)
		if f.status.effective() == *w.User {
			f.yes = append(f.yes, "it runs as "+have)
		} else {
			f.no = append(f.no, fmt.Sprintf("it runs as %s instead of %s", have, want))
		}
	}
	return f, nil
}

// program looks whether it runs the program, or is the interpreter that runs
// the script.
func (w Want) program(f *facts) error {
	text, ok, err := f.p.Runs(w.Exe)
	if err != nil {
		return err
	}
	if applet, err := w.otherApplet(f, text); err != nil {
		return err
	} else if ok && applet != "" {
		f.no = append(f.no, fmt.Sprintf("it runs %s as %s instead of %s", text, applet, w.Exe))
		return nil
	}
	switch {
	case ok && strings.HasSuffix(text, deleted) && !sameRoot(f.p):
		// Its text is a path in its own tree, where another file may have had it.
		f.no = append(f.no, fmt.Sprintf("it runs %s below another root", text))
		return nil
	case ok && strings.HasSuffix(text, deleted):
		f.program, f.yes = true, append(f.yes, fmt.Sprintf("it runs %s, which was replaced since", w.Exe))
		return nil
	case ok:
		f.program, f.yes = true, append(f.yes, "it runs "+w.Exe)
		return nil
	}
	if text == "" {
		f.no = append(f.no, "what it runs cannot be read")
		return nil
	}
	interpreter, ok, err := interprets(f.p, w.Exe)
	switch {
	case err != nil:
		return err
	case ok:
		f.program, f.yes = true, append(f.yes, fmt.Sprintf("it runs %s by %s", w.Exe, interpreter))
	default:
		f.no = append(f.no, fmt.Sprintf("it runs %s instead of %s%s", text, w.Exe, absent(w.Exe)))
	}
	return nil
}

// otherApplet gives the name that the process was called by, where one program
// is many and this one is not the one wanted: then the file alone tells nothing.
func (w Want) otherApplet(f *facts, text string) (string, error) {
	many := []string{"busybox", "toybox"}
	want := path.Base(w.Exe)
	if !slices.Contains(many, path.Base(strings.TrimSuffix(text, deleted))) || slices.Contains(many, want) || begins(f.name, want) {
		return "", nil
	}
	line, err := f.p.ReadProc("cmdline", maxCmdline)
	if err != nil {
		return "", err
	}
	_, called := scriptOperand(line)
	if path.Base(called) == want {
		return "", nil
	}
	return f.name, nil
}

// deleted is what /proc/PID/exe has at the end when the file has no name any
// more, or the name is another file's.
const deleted = " (deleted)"

func absent(path string) string {
	var st unix.Stat_t
	if unix.Stat(path, &st) == unix.ENOENT {
		return ", which does not exist"
	}
	return ""
}

// sameRoot reports whether the process's root directory is ours.
func sameRoot(p *pidfile.Process) bool {
	var ours unix.Stat_t
	theirs, err := p.StatProc("root")
	return err == nil && unix.Stat("/", &ours) == nil && ours.Dev == theirs.Dev && ours.Ino == theirs.Ino
}
