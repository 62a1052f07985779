package qemu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pidfile"
)

// Start runs QEMU as a child that outlives us: in a session of its own, with
// its output in the log. It is not asked to daemonize: its runtime errors stay
// in the log, the sandbox may forbid it to fork, and its pidfd is ours from
// the moment it exists.
func (m *Machine) Start(ctx context.Context, lease *os.File) (_ *pidfile.Process, err error) {
	if err := m.makeDirs(); err != nil {
		return nil, err
	}
	if err := m.prepareFirmware(); err != nil {
		return nil, err
	}
	log, err := openLog(m.LogFile)
	if err != nil {
		return nil, err
	}
	m.log = log // kept open: by its name another file might be found later
	if m.logStart, err = log.Seek(0, io.SeekEnd); err != nil {
		return nil, fmt.Errorf("cannot find the end of %s: %w", m.LogFile, err)
	}
	inherited, err := m.openInherited()
	defer closeAll(inherited)
	if err != nil {
		return nil, err
	}

	if m.Readiness.How == "vsock" {
		if m.notify, err = listenVsock(notifyPort(m.CID)); err != nil {
			return nil, err
		}
	}

	pidfd := -1
	cmd := exec.Command(m.Binary, m.Args...)
	cmd.Env = append(baseEnv(), m.Env...)
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = append(inherited, lease)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, PidFD: &pidfd}
	if err := m.launch(cmd); err != nil {
		if cmd.Process != nil { // it runs, but not as it was meant to
			err = errors.Join(err, cmd.Process.Kill(), reap(cmd))
		}
		if errors.Is(err, os.ErrNotExist) {
			return nil, &guest.Error{Status: guest.StatusNotInstalled, Msg: "cannot run " + m.Binary, Err: err}
		}
		return nil, fmt.Errorf("cannot run %s: %w", m.Binary, err)
	}
	go cmd.Wait() // reaps it, should it end before we do; nobody waits for the status
	defer unix.Close(pidfd)
	p, err := pidfile.FromPidfd(pidfd)
	if err != nil {
		cmd.Process.Kill() // it has ended, or nobody could end it later
		return nil, m.startError(err)
	}
	return p, nil
}

// reap waits for a child that was killed.
func reap(cmd *exec.Cmd) error {
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) {
		return err
	}
	return nil
}

// launch starts cmd from a thread that has the guest's nice value and CPUs,
// which a child inherits. The thread is not given back: it ends with its
// goroutine. The OOM score belongs to the whole process, and is put back.
func (m *Machine) launch(cmd *exec.Cmd) error {
	restore, err := lendOOMScore(m.OOM)
	if err != nil {
		return err
	}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if err := m.dressThread(); err != nil {
			started <- err
			return
		}
		started <- cmd.Start()
	}()
	return errors.Join(<-started, restore())
}

func (m *Machine) dressThread() error {
	if m.Nice != 0 {
		if err := unix.Setpriority(unix.PRIO_PROCESS, 0, m.Nice); err != nil {
			return fmt.Errorf("cannot set nice %d: %w", m.Nice, err)
		}
	}
	if len(m.CPUs) > 0 {
		var set unix.CPUSet
		for _, cpu := range m.CPUs {
			set.Set(cpu)
		}
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			return fmt.Errorf("cannot pin to CPUs %v: %w", m.CPUs, err)
		}
	}
	return nil
}

// lendOOMScore sets our own oom_score_adj (proc(5)), so that a child has it
// from its first instruction, and returns what puts the old one back.
func lendOOMScore(score *int) (restore func() error, err error) {
	const file = "/proc/self/oom_score_adj"
	if score == nil {
		return func() error { return nil }, nil
	}
	old, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, []byte(strconv.Itoa(*score)), 0)
	}
	if err != nil {
		return nil, &guest.Error{Status: guest.StatusNotConfigured, Msg: fmt.Sprintf("cannot set oom_score_adj to %d", *score), Err: err,
			Hint: "a value below the current one needs CAP_SYS_RESOURCE"}
	}
	return func() error {
		if err := os.WriteFile(file, old, 0); err != nil {
			return fmt.Errorf("cannot restore %s: %w", file, err)
		}
		return nil
	}, nil
}

// baseEnv is all that QEMU gets of ours: what NOTIFY_SOCKET and its like tell
// us is not for a guest's process.
func baseEnv() []string {
	return []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=/"}
}

// makeDirs makes the socket directory, the guest's user's own, and those that
// conf.d moved elsewhere.
func (m *Machine) makeDirs() error {
	sock := m.Layout.SockDir(m.Name)
	for _, socket := range []string{sock + "/.", m.Sockets.Monitor, m.Sockets.Agent, m.Sockets.Console} {
		if socket == "" {
			continue
		}
		dir := filepath.Dir(socket)
		if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
			return fmt.Errorf("cannot make the directory of a socket: %w", err)
		}
		switch err := os.Mkdir(dir, 0o750); {
		case errors.Is(err, os.ErrExist):
			if dir != sock {
				continue // somebody else's directory is left as it is
			}
		case err != nil:
			return fmt.Errorf("cannot make the directory of a socket: %w", err)
		}
		if m.User == "" {
			continue
		}
		if err := os.Lchown(dir, m.UID, m.GID); err != nil {
			return fmt.Errorf("cannot hand %s to %s: %w", dir, m.User, err)
		}
	}
	if err := os.MkdirAll(filepath.Dir(m.LogFile), 0o755); err != nil {
		return fmt.Errorf("cannot make the log's directory: %w", err)
	}
	return nil
}

func openLog(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o640)
	if err != nil {
		return nil, fmt.Errorf("cannot open the log: %w", err)
	}
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("cannot open the log %s: not a regular file", path)
	}
	return f, nil
}

// openInherited opens the files that Args refers to by number, in the order of
// their numbers.
func (m *Machine) openInherited() (files []*os.File, err error) {
	for n, in := range m.Inherit {
		if in.FD != 3+n {
			return files, fmt.Errorf("cannot hand over %s: it is number %d, not %d", in.What, in.FD, 3+n)
		}
		var f *os.File
		switch in.What {
		case "qmp":
			f, err = listen(in.Path)
		case "tap":
			f, err = openTap(in.Ifname, in.Bridge)
		case "vsock":
			f, err = openVsock(in.CID)
		default:
			err = fmt.Errorf("cannot hand over %q: unknown sort of file", in.What)
		}
		if err != nil {
			return files, err
		}
		files = append(files, f)
	}
	return files, nil
}

// listen makes a listening socket at path. QEMU accepts on it when it is
// ready, so whoever connects before waits without asking again.
func listen(path string) (*os.File, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("cannot make the monitor's socket: %w", err)
	}
	defer l.Close()
	l.SetUnlinkOnClose(false)
	f, err := l.File()
	if err != nil {
		return nil, fmt.Errorf("cannot make the monitor's socket: %w", err)
	}
	return f, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// logTail is how much of QEMU's last words an error quotes, in bytes.
const logTail = 2000

// startError adds what QEMU itself said since it was started, and the fix
// where its words are known.
func (m *Machine) startError(err error) error {
	said := m.said()
	if said == "" {
		return err
	}
	e := &guest.Error{Status: guest.StatusFailed, Msg: "QEMU says: " + said}
	for words, hint := range knownComplaints {
		if strings.Contains(said, words) {
			e.Hint = hint
		}
	}
	return e
}

// knownComplaints are parts of QEMU's messages, and what to do about them.
var knownComplaints = map[string]string{
	`Failed to get "write" lock`:  "another process has the disk open; is the guest running elsewhere?",
	"Could not access KVM kernel": "enable_kvm=auto uses KVM only where it works",
	"Cannot allocate memory":      "the guest's memory is more than the host can give now",
	"cannot set up guest memory":  "the guest's memory is more than the host can give now",
	"Address already in use":      "another process listens there; see vnc_display, and hostfwd of user networking",
	"is not a valid option":       "guestrc plan shows the whole command line; extra_args and diskN_/netN_ options are passed on as they are",
	"does not support firmware":   "see firmware= in guestrc.conf(5)",
}

func (m *Machine) said() string {
	if m.log == nil {
		return ""
	}
	data, err := io.ReadAll(io.NewSectionReader(m.log, m.logStart, 1<<20))
	if err != nil {
		return ""
	}
	text := strings.TrimSpace(string(data))
	if len(text) > logTail {
		text = "…" + text[len(text)-logTail:]
	}
	return text
}
