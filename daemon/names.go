package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
)

// Passed is a process of the name that is not taken, and why.
type Passed struct {
	Pid  int
	Name string
	As   string // which of the names asked for it has
	Why  string
}

// maxName is how much of its name the kernel keeps (TASK_COMM_LEN without the
// byte that ends it).
const maxName = 15

// ByName finds the processes of this pid namespace that have one of the names,
// as killall(1) understands it: the kernel's name of the process, which is that
// of the file that was executed, unless the process has changed it. Of that the
// kernel keeps 15 bytes; for the rest of a longer name the executable, the first
// word of the command line or the script answer. A process that ends while it is
// looked at is not found. The result is in the order of the numbers.
func ByName(names []string, want Want) (found []Found, passed []Passed, err error) {
	self, err := pidfile.Capture(os.Getpid()) // which fails where /proc is another namespace's
	if err != nil {
		return nil, nil, err
	}
	self.Close()
	pids, err := numbersIn("/proc")
	if err != nil {
		return nil, nil, fmt.Errorf("cannot look through all processes: %w", err)
	}
	var errs []error
	for _, pid := range pids {
		if !mayHave(pid, names) {
			continue
		}
		f, why, err := named(pid, names, want)
		switch {
		case errors.Is(err, pidfile.ErrGone), err == nil && f.Process == nil && why == "":
		case err != nil:
			errs = append(errs, err)
		case why != "":
			passed = append(passed, Passed{pid, f.Name, f.As, why})
		default:
			found = append(found, f)
		}
	}
	if len(errs) > 0 {
		Release(found)
		return nil, nil, errors.Join(errs...)
	}
	return found, passed, nil
}

// Release lets go of processes; nothing happens to them.
func Release(all []Found) {
	for _, f := range all {
		f.Close()
	}
}

func numbersIn(dir string) (pids []int, err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	for _, name := range entries {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids, nil
}

// mayHave is a first look, by number: most processes are not worth a second.
func mayHave(pid int, names []string) bool {
	fd, err := unix.Open(fmt.Sprintf("/proc/%d/comm", pid), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var buf [64]byte
	n, err := unix.Read(fd, buf[:])
	return err == nil && slices.ContainsFunc(names, func(name string) bool { return begins(comm(buf[:n]), name) })
}

// comm is what a file /proc/PID/comm holds; a name may hold newlines itself.
func comm(text []byte) string { return string(bytes.TrimSuffix(text, []byte("\n"))) }

// begins reports whether comm is what the kernel would keep of name.
func begins(comm, name string) bool { return comm == name[:min(len(name), maxName)] }

// named captures the process and looks again at everything. No process and no
// reason: it has another name.
func named(pid int, names []string, want Want) (f Found, why string, err error) {
	p, err := pidfile.Capture(pid)
	if err != nil {
		return Found{}, "", err
	}
	keep := false
	defer func() {
		if !keep {
			p.Close()
		}
	}()
	facts, err := want.examine(p)
	if err != nil {
		return Found{}, "", err
	}
	name, err := nameOf(facts, names)
	if err != nil || name == "" {
		return Found{}, "", err
	}
	f = Found{Name: facts.name, As: name, Why: append([]string{"its name is " + name}, facts.yes...)}
	var never *pidfile.RefusedError
	switch err := p.Signal(0); {
	case errors.As(err, &never):
		facts.no = append(facts.no, never.Why)
	case errors.Is(err, pidfile.ErrGone), p.Ended():
		return Found{}, "", pidfile.ErrGone
	}
	if len(facts.no) > 0 {
		return f, strings.Join(facts.no, "; "), nil
	}
	keep, f.Process = true, p
	return f, "", nil
}

// nameOf gives the name among names that the process has, "" when none.
func nameOf(f facts, names []string) (string, error) {
	for _, name := range names {
		if !begins(f.name, name) {
			continue
		}
		if len(name) < maxName {
			return name, nil
		}
		whole, err := wholeNames(f.p)
		if err != nil {
			return "", err
		}
		// 15 bytes may be all of a name, or the head of a longer one.
		longer := slices.ContainsFunc(whole, func(w string) bool { return len(w) > len(name) && strings.HasPrefix(w, name) })
		if slices.Contains(whole, name) || len(name) == maxName && !longer {
			return name, nil
		}
	}
	return "", nil
}

// wholeNames are what the process may be called when 15 bytes are not enough:
// its executable, the first word of its command line, the script that it runs.
func wholeNames(p *pidfile.Process) ([]string, error) {
	text, err := p.ReadProc("cmdline", maxCmdline)
	if err != nil {
		return nil, err
	}
	operand, called := scriptOperand(text)
	exe := strings.TrimSuffix(p.Identity().Exe, deleted)
	return []string{path.Base(exe), path.Base(called), path.Base(operand)}, nil
}
