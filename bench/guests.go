package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pidfile"
)

// pausedGuest is one whose machine is built and never run: what is measured is
// everything but the guest.
const pausedGuest = `user="nobody"
enable_kvm="no"
machine="q35"
memory="128M"
vga="none"
ready="monitor"
extra_args="-S"
stop_schedule="quit/20/KILL/5"
`

// describe writes conf.d/NAME below a root of its own.
func (b *bench) describe(root, name, text string) error {
	dir := filepath.Join(b.dir, root, "etc/conf.d")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)
}

// starts compares guestrc start with the same command line, daemonised.
func (b *bench) starts() error {
	if err := b.describe("s", "qemu.a", pausedGuest); err != nil {
		return err
	}
	root := filepath.Join(b.dir, "s")
	raw, err := b.rawArgv(root)
	if err != nil {
		return err
	}
	mine, theirs, err := b.pairs(
		func() (time.Duration, error) {
			took, err := b.once(b.program, "--root", root, "start", "qemu.a")
			if err == nil {
				_, err = b.once(b.program, "--root", root, "stop", "qemu.a")
			}
			return took, err
		},
		func() (time.Duration, error) {
			took, err := b.once(raw[0], raw[1:]...)
			if err == nil {
				err = endRaw(b, filepath.Join(b.dir, "raw.pid"))
			}
			return took, err
		})
	if err != nil {
		return err
	}
	b.add("the same command line with -daemonize", "", theirs)
	b.add("guestrc start", "", mine)
	b.add("guestrc start, beyond the raw command line", "≤ 5 (p95)", difference(mine, theirs))
	return nil
}

// rawArgv is the plan's command line as one would type it: QEMU makes the
// monitor's socket itself and goes into the background.
func (b *bench) rawArgv(root string) ([]string, error) {
	out, err := exec.CommandContext(b.ctx, b.program, "--root", root, "plan", "--json", "qemu.a").Output()
	if err != nil {
		return nil, fmt.Errorf("cannot plan: %w", err)
	}
	var report struct{ Plans []guest.Plan }
	if err := json.Unmarshal(out, &report); err != nil {
		return nil, fmt.Errorf("cannot read the plan: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(b.dir, "raw"), 0o755); err != nil {
		return nil, err
	}
	argv := []string{}
	for i, arg := range report.Plans[0].Argv {
		arg = strings.ReplaceAll(arg, "fd=3,", "path="+filepath.Join(b.dir, "raw/qmp")+",")
		arg = strings.ReplaceAll(arg, filepath.Join(root, "run/guestrc/qemu.a/sock"), filepath.Join(b.dir, "raw"))
		arg = strings.ReplaceAll(arg, ",spawn=deny", "") // going into the background is a fork
		if i > 0 && report.Plans[0].Argv[i-1] == "-pidfile" {
			arg = filepath.Join(b.dir, "raw.pid")
		}
		argv = append(argv, arg)
	}
	return append(argv, "-daemonize"), nil
}

// endRaw ends the daemonised QEMU: it is whoever locks the pidfile.
func endRaw(b *bench, path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	pid, held, err := pidfile.Holder(dir, filepath.Base(path))
	if err != nil || !held {
		return fmt.Errorf("cannot find the raw QEMU: %w", err)
	}
	p, err := pidfile.Capture(pid)
	if err != nil {
		return err
	}
	defer p.Close()
	if err := p.Signal(unix.SIGKILL); err != nil {
		return err
	}
	return p.Wait(b.ctx)
}

// stops measures what passes between the end of QEMU's process and the return
// of guestrc stop.
func (b *bench) stops() error {
	root := filepath.Join(b.dir, "s")
	var lag, whole samples
	for range b.runs {
		if _, err := b.once(b.program, "--root", root, "start", "qemu.a"); err != nil {
			return err
		}
		p, err := recorded(root, "qemu.a")
		if err != nil {
			return err
		}
		ended := make(chan time.Time, 1)
		go func() { p.Wait(b.ctx); ended <- time.Now() }()
		took, err := b.once(b.program, "--root", root, "stop", "qemu.a")
		returned := time.Now()
		if err != nil {
			return err
		}
		lag, whole = append(lag, returned.Sub(<-ended)), append(whole, took)
		p.Close()
	}
	b.add("guestrc stop (QMP quit)", "", whole)
	b.add("guestrc stop returns after the process's end", "≤ 5 (p99)", lag)
	return nil
}

func recorded(root, name string) (*pidfile.Process, error) {
	data, err := os.ReadFile(filepath.Join(root, "run/guestrc", name, "state.json"))
	if err != nil {
		return nil, err
	}
	var s guest.State
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, err
	}
	if s.Process == nil {
		return nil, fmt.Errorf("%s has no process on record", name)
	}
	return pidfile.Recall(*s.Process)
}

// holderVerb makes this program a process that holds a pidfile, as QEMU does.
const holderVerb = "hold-pidfile"

// holdPidfile locks argv's pidfile, says so, and stays.
func holdPidfile(args []string) {
	f, err := os.OpenFile(args[len(args)-1], os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		err = unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
	}
	if err == nil {
		_, err = fmt.Fprintln(f, os.Getpid())
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Stdout.WriteString("held\n")
	select {}
}

// statuses asks for many guests, each a real process with a real pidfile and a
// record of its own.
func (b *bench) statuses() error {
	root := filepath.Join(b.dir, "m")
	if err := b.describe("m", "qemu.a", pausedGuest); err != nil {
		return err
	}
	if _, err := b.once(b.program, "--root", root, "start", "qemu.a"); err != nil {
		return err
	}
	template, err := os.ReadFile(filepath.Join(root, "run/guestrc/qemu.a/state.json"))
	if err != nil {
		return err
	}
	if _, err := b.once(b.program, "--root", root, "kill", "qemu.a"); err != nil {
		return err
	}
	names := make([]string, b.guests)
	for i := range names {
		names[i] = fmt.Sprintf("qemu.n%04d", i)
		end, err := b.pretend(root, names[i], template)
		if err != nil {
			return err
		}
		defer end()
	}
	args := append([]string{"--root", root, "status"}, names...)
	var took samples
	for i := range b.runs + 1 {
		d, err := b.once(b.program, args...)
		if err != nil {
			return err
		}
		if i > 0 {
			took = append(took, d)
		}
	}
	b.add(fmt.Sprintf("guestrc status of %d guests, identity verified", b.guests), "≤ 30", took)
	return nil
}

// pretend makes a guest of a process that only holds its pidfile.
func (b *bench) pretend(root, name string, template []byte) (end func(), err error) {
	dir := filepath.Join(root, "run/guestrc", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(b.ctx, "/proc/self/exe", holderVerb, "-pidfile", filepath.Join(dir, "pid"))
	cmd.Env = []string{"GOMAXPROCS=1", "GOGC=off"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	end = func() { cmd.Process.Kill(); cmd.Wait() }
	buf := make([]byte, 64)
	if n, err := out.Read(buf); err != nil || string(buf[:n]) != "held\n" {
		end()
		return nil, fmt.Errorf("cannot hold a pidfile: %v %s", err, buf)
	}
	p, err := pidfile.Capture(cmd.Process.Pid)
	if err != nil {
		end()
		return nil, err
	}
	defer p.Close()
	var s guest.State
	if err := json.Unmarshal(template, &s); err != nil {
		end()
		return nil, err
	}
	id := p.Identity()
	s.Phase, s.Process = guest.PhaseRunning, &id
	s.Memo = json.RawMessage(strings.ReplaceAll(string(s.Memo), "qemu.a", name))
	data, err := json.Marshal(s)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "state.json"), data, 0o644)
	}
	if err != nil {
		end()
		return nil, fmt.Errorf("cannot pretend %s (pid %s): %w", name, strconv.Itoa(id.Pid), err)
	}
	return end, nil
}
