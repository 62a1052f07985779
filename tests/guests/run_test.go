package guests

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/romguest"
)

// rom describes a guest that is nothing but firmware: up and down at once.
func (w *world) rom(name string, code romguest.Code, more ...string) string {
	w.t.Helper()
	firmware := filepath.Join(w.root, name+".rom")
	if err := os.WriteFile(firmware, romguest.Firmware(code), 0o644); err != nil {
		w.t.Fatal(err)
	}
	return w.conf(name, append([]string{`user="nobody"`, `enable_kvm="no"`, `machine="q35"`, `memory="16M"`, `vga="none"`,
		fmt.Sprintf("firmware=%q", firmware), `stop_schedule="acpi/60/KILL/5"`}, more...)...)
}

// obeys powers off when its button is pressed, ignores when it is not.
func obeys() romguest.Code {
	return romguest.Do(romguest.ListenToButton(), romguest.AwaitPress(), romguest.PowerOff())
}

func ignores() romguest.Code { return romguest.Idle() }

// foreground is a "guestrc run" and what it has said.
type foreground struct {
	w    *world
	cmd  *exec.Cmd
	out  *bufio.Reader
	said bytes.Buffer
	err  bytes.Buffer
}

// foreground starts "run" with a caller of its own, a shell, which waits for it
// and then says how it ended.
func (w *world) foreground(args ...string) *foreground {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	w.t.Cleanup(cancel)
	const script = `"$@"; echo "exit $?"`
	f := &foreground{w: w, cmd: exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", script, "sh", program, "--root", w.root, "run"}, args...)...)}
	f.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	f.cmd.Stderr = &f.err
	pipe, err := f.cmd.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	f.out = bufio.NewReader(io.TeeReader(pipe, &f.said))
	if err := f.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	return f
}

// until reads what is said up to a line with words in it, or to the end.
func (f *foreground) until(words string) string {
	for {
		line, err := f.out.ReadString('\n')
		if strings.Contains(line, words) {
			return strings.TrimSpace(line)
		}
		if err != nil {
			return ""
		}
	}
}

// mustSay is until for words that must come.
func (f *foreground) mustSay(words string) string {
	f.w.t.Helper()
	line := f.until(words)
	if line == "" {
		f.w.t.Fatalf("it does not say %q:\n%s%s", words, &f.said, &f.err)
	}
	return line
}

// process is "run" itself.
func (f *foreground) process() *pidfile.Process {
	f.w.t.Helper()
	shell := itoa(f.cmd.Process.Pid)
	var p *pidfile.Process
	for deadline := time.Now().Add(time.Minute); p == nil; { // nothing tells of a shell's child
		if time.Now().After(deadline) {
			f.until("exit ")
			f.w.t.Fatalf("it has no process\n%s%s", &f.said, &f.err)
		}
		list, err := os.ReadFile(filepath.Join("/proc", shell, "task", shell, "children"))
		if err != nil {
			f.w.t.Fatal(err)
		}
		if pid, err := strconv.Atoi(strings.TrimSpace(string(list))); err == nil {
			p, _ = pidfile.Capture(pid)
		}
	}
	f.w.t.Cleanup(func() { p.Close() })
	return p
}

// ends returns the exit status of "run".
func (f *foreground) ends() int {
	f.w.t.Helper()
	var code int
	if _, err := fmt.Sscanf(f.mustSay("exit "), "exit %d", &code); err != nil {
		f.w.t.Fatal(err)
	}
	f.cmd.Wait() // the shell's own is always 0
	return code
}

// send signals a process that the test has started.
func send(t *testing.T, p *pidfile.Process, sig unix.Signal) {
	t.Helper()
	if err := p.Signal(sig); err != nil && !errors.Is(err, pidfile.ErrGone) {
		t.Fatal(err)
	}
}

// nothingLeft waits until no process of the world runs, guards included, and
// wants no trace of private runs.
func (w *world) nothingLeft() {
	w.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		left := append(w.pids(), w.guards()...)
		if len(left) == 0 {
			break
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("processes %v are left", left)
		}
		p, err := pidfile.Capture(left[0])
		if err != nil {
			continue
		}
		ctx, cancel := context.WithDeadline(w.t.Context(), deadline)
		_ = p.Wait(ctx)
		cancel()
		p.Close()
	}
	for _, pattern := range []string{filepath.Join(w.root, "run/guestrc-run/*"), filepath.Join(w.root, "tmp/*")} {
		if left, err := filepath.Glob(pattern); err != nil || len(left) > 0 {
			w.t.Errorf("left behind: %v %v", left, err)
		}
	}
}

// guards are the processes that guard runs of this root.
func (w *world) guards() (pids []int) {
	lists, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, list := range lists {
		args, _ := os.ReadFile(list) // it may have ended
		if bytes.HasPrefix(args, []byte("guestrc\x00--root\x00"+w.root+"\x00__guard\x00")) {
			var pid int
			if _, err := fmt.Sscanf(list, "/proc/%d/cmdline", &pid); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

func TestRunEndsInOrder(t *testing.T) {
	t.Parallel()
	for _, sig := range []unix.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP} {
		w := newWorld(t)
		f := w.foreground(w.rom("qemu.a", obeys()))
		p := f.process()
		f.mustSay("qemu.a is up after")
		if left := w.guards(); len(left) != 1 {
			t.Errorf("guards: %v", left)
		}
		send(t, p, sig)
		f.mustSay("qemu.a: down in")
		if code := f.ends(); code != 0 {
			t.Errorf("%v: exit %d\n%s%s", sig, code, &f.said, &f.err)
		}
		w.nothingLeft()
		if r := w.run("status", "qemu.a"); r.code != guest.StateStopped {
			t.Errorf("status: %s", r)
		}
	}
}

// What ends by itself ends the run, and a crash is told from an order.
func TestRunTellsHowTheGuestEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.foreground(w.rom("qemu.off", romguest.Do(romguest.ListenToButton(), romguest.Count(200_000_000), romguest.PowerOff())))
	if code := f.ends(); code != 0 || !strings.Contains(f.said.String(), "qemu.off: it ended by itself") {
		t.Errorf("exit %d\n%s%s", code, &f.said, &f.err)
	}
	w.nothingLeft()

	f = w.foreground(w.rom("qemu.crash", ignores()))
	f.mustSay("qemu.crash is up after")
	for _, pid := range w.pids() {
		p, err := pidfile.Capture(pid)
		if err != nil {
			t.Fatal(err)
		}
		send(t, p, unix.SIGKILL)
		p.Close()
	}
	if code := f.ends(); code != guest.StatusFailed || !strings.Contains(f.err.String(), "qemu.crash crashed: its process died: killed by SIGKILL") {
		t.Errorf("exit %d\n%s%s", code, &f.said, &f.err)
	}
	w.nothingLeft()
}

// A guest that ignores its schedule is forced, which is no order; a second
// Ctrl-C does so at once.
func TestRunForcesAGuestThatIgnores(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.foreground(w.rom("qemu.i", ignores(), `stop_schedule="acpi/2"`))
	p := f.process()
	f.mustSay("qemu.i is up after")
	send(t, p, unix.SIGTERM)
	if code := f.ends(); code != guest.StatusFailed || !strings.Contains(f.err.String(), "killed after") {
		t.Errorf("exit %d\n%s%s", code, &f.said, &f.err)
	}
	w.nothingLeft()

	f = w.foreground(w.rom("qemu.j", ignores(), `stop_schedule="acpi/200"`))
	p = f.process()
	f.mustSay("qemu.j is up after")
	send(t, p, unix.SIGINT)
	f.mustSay("Stopping qemu.j")
	time.Sleep(1100 * time.Millisecond) // as somebody who has lost patience
	send(t, p, unix.SIGINT)
	if code := f.ends(); code != guest.StatusFailed || !strings.Contains(f.err.String(), "killed after") {
		t.Errorf("exit %d\n%s%s", code, &f.said, &f.err)
	}
	w.nothingLeft()
}

func TestRunOfWhatCannotStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	name := w.rom("qemu.x", obeys(), `disk0_file="/nonexistent"`, `disk0_format="raw"`)
	if r := w.run("run", name); r.code != guest.StatusNotConfigured || !strings.Contains(r.err, "/nonexistent") {
		t.Errorf("%s", r)
	}
	if r := w.run("run", "qemu.nobody"); r.code != guest.StatusNotConfigured {
		t.Errorf("%s", r)
	}
	if r := w.run("run", "--service", "--ephemeral", name); r.code != guest.StatusUsage {
		t.Errorf("%s", r)
	}
	w.nothingLeft()
}

// A service and a run of one guest, and of others that want the same disk, keep
// out of each other's way.
func TestRunIsHeldAgainstServices(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	disk := filepath.Join(w.root, "disk")
	if err := errors.Join(os.WriteFile(disk, make([]byte, 1<<20), 0o644), os.MkdirAll(filepath.Join(w.root, "tmp"), 0o755)); err != nil {
		t.Fatal(err)
	}
	lines := []string{fmt.Sprintf("disk0_file=%q", disk), `disk0_format="raw"`, `user="root"`}
	a, b := w.rom("qemu.a", obeys(), lines...), w.rom("qemu.b", obeys(), lines...)
	w.must("start", a)
	if r := w.run("run", a); r.code != guest.StatusRefused || !strings.Contains(r.err, "it is running already") {
		t.Errorf("run of a service that runs: %s", r)
	}
	if r := w.run("run", b); r.code != guest.StatusNotConfigured || !strings.Contains(r.err, "in use by the running guest qemu.a (the service)") {
		t.Errorf("run with a service's disk: %s", r)
	}
	if r := w.run("run", "--ephemeral", b); r.code != guest.StatusNotConfigured || !strings.Contains(r.err, "in use by the running guest qemu.a (the service)") {
		t.Errorf("run with a service's disk: %s", r)
	}
	w.must("stop", a)

	f := w.foreground(b)
	p := f.process()
	f.mustSay("qemu.b is up after")
	for _, name := range []string{a, b} {
		if r := w.run("start", name); r.code != guest.StatusNotConfigured || !strings.Contains(r.err, "in use by the running guest qemu.b (guestrc run)") {
			t.Errorf("start of %s with a run's disk: %s", name, r)
		}
		if r := w.run("run", name); r.code != guest.StatusNotConfigured {
			t.Errorf("another run of %s: %s", name, r)
		}
	}
	send(t, p, unix.SIGTERM)
	if code := f.ends(); code != 0 {
		t.Errorf("exit %d\n%s%s", code, &f.said, &f.err)
	}
	w.nothingLeft()
}

// What ephemeral guests write is forgotten, and several may share an image that
// nobody else writes.
func TestEphemeral(t *testing.T) {
	w := newWorld(t)
	tmp := filepath.Join(w.root, "tmp")
	t.Setenv("TMPDIR", tmp)
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		t.Fatal(err)
	}
	disk := filepath.Join(w.root, "disk")
	content := bytes.Repeat([]byte("base"), 1<<18)
	if err := os.WriteFile(disk, content, 0o444); err != nil {
		t.Fatal(err)
	}
	lines := []string{fmt.Sprintf("disk0_file=%q", disk), `disk0_format="raw"`, `disk0_snapshot="off"`}
	a, b := w.rom("qemu.a", obeys(), lines...), w.rom("qemu.b", obeys(), lines...)
	first, second := w.foreground("--ephemeral", a), w.foreground("--ephemeral", b)
	p, q := first.process(), second.process()
	first.mustSay("qemu.a is up after")
	second.mustSay("qemu.b is up after")
	if r := w.run("start", w.rom("qemu.c", obeys(), lines...)); r.code == 0 || !strings.Contains(r.err, `"write" lock`) {
		t.Errorf("a service that writes to an image in use: %s", r)
	}
	for _, pid := range w.pids() {
		w.write(monitorOf(pid))
	}
	for _, name := range []string{a, b} {
		log, err := os.ReadFile(filepath.Join(w.root, "var/log/guestrc", name+".log"))
		if err != nil || !strings.Contains(string(log), "wrote 65536/65536 bytes") {
			t.Errorf("%s has not written: %v, %s", name, err, log)
		}
	}
	send(t, p, unix.SIGTERM)
	send(t, q, unix.SIGKILL) // and the guard clears up
	if code := first.ends(); code != 0 {
		t.Errorf("exit %d\n%s%s", code, &first.said, &first.err)
	}
	second.ends()
	w.nothingLeft()
	if now, err := os.ReadFile(disk); err != nil || !bytes.Equal(now, content) {
		t.Errorf("the image has changed: %v", err)
	}
}

// monitorOf is the monitor for people of a guest's process.
func monitorOf(pid int) string {
	args, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)) // it may have ended
	_, rest, _ := strings.Cut(string(args), "id=guestrc-monitor,path=")
	path, _, _ := strings.Cut(rest, ",")
	return path
}

// write has QEMU write to the first disk.
func (w *world) write(monitor string) {
	w.t.Helper()
	c, err := net.DialTimeout("unix", monitor, 10*time.Second)
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.Write([]byte("qemu-io hd0 \"write -P 0x55 0 64k\"\n")); err != nil {
		w.t.Fatal(err)
	}
	prompts := 0 // the second one says that it is done
	for in := bufio.NewReader(c); prompts < 2; prompts++ {
		if _, err := in.ReadString('('); err != nil {
			w.t.Fatal(err)
		}
	}
}

// As a service the guest outlives its run, which says when it is ready and how
// the guest ended.
func TestRunAsASupervisorsChild(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(w.root, "notify")
	notified, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	said := make(chan string, 1000)
	go func() { // as systemd does: whoever notifies a full socket waits
		defer close(said)
		for message := make([]byte, 4096); ; {
			n, err := notified.Read(message)
			if err != nil {
				return
			}
			said <- string(message[:n])
		}
	}()
	defer notified.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	name := w.rom("qemu.s", obeys())

	f := w.foreground("--service", name)
	p := f.process()
	f.mustSay("qemu.s is up after")
	for up := false; !up; {
		select {
		case <-time.After(time.Minute):
			t.Fatal("it does not say that it is ready")
		case message := <-said:
			if up = strings.Contains(message, "READY=1"); strings.Contains(message, "MAINPID") {
				t.Errorf("it gives its unit away: %s", message)
			}
		}
	}
	pid := w.status(name).PID
	send(t, p, unix.SIGKILL)
	f.ends()
	if st := w.status(name); st.PID != pid || st.State != guest.Running {
		t.Errorf("the guest did not outlive it: %+v", st)
	}

	f = w.foreground("--service", name)
	f.process()
	f.mustSay("qemu.s runs already (pid " + itoa(pid) + ")")
	w.must("stop", name)
	f.mustSay("qemu.s was stopped by another command")
	if code := f.ends(); code != 0 {
		t.Errorf("exit %d\n%s%s", code, &f.said, &f.err)
	}

	f = w.foreground("--service", name)
	p = f.process()
	f.mustSay("qemu.s is up after")
	send(t, p, unix.SIGTERM)
	if code := f.ends(); code != 0 {
		t.Errorf("exit %d\n%s%s", code, &f.said, &f.err)
	}
	w.ended(name, "acpi")

	f = w.foreground("--service", name)
	f.mustSay("qemu.s is up after")
	send(t, w.running(name), unix.SIGKILL)
	if code := f.ends(); code != guest.StatusFailed {
		t.Errorf("exit %d\n%s%s", code, &f.said, &f.err)
	}
	if st := w.status(name); st.State != guest.Crashed {
		t.Errorf("%+v", st)
	}
	w.must("stop", name)
	w.clean(name)
}

// Who is not root has its own directory, and its guest runs as what it is.
func TestRunWithoutRoot(t *testing.T) {
	w := newWorld(t)
	name := w.rom("qemu.u", romguest.Do(romguest.ListenToButton(), romguest.Count(100_000_000), romguest.PowerOff()), `net0="user"`)
	own := filepath.Join(w.root, "own")
	if err := errors.Join(os.Mkdir(own, 0o700), os.Chown(own, 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	public := filepath.Join(w.root, "guestrc")
	if text, err := os.ReadFile(program); err != nil || os.WriteFile(public, text, 0o755) != nil {
		t.Fatalf("cannot copy the program: %v", err)
	}
	as := func(env ...string) (string, error) {
		cmd := command(t, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", public, "--root", w.root, "run", name)
		cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := as("XDG_RUNTIME_DIR=" + own); err != nil || !strings.Contains(out, "it ended by itself") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := as(); err == nil || !strings.Contains(out, "set XDG_RUNTIME_DIR") {
		t.Errorf("without a directory: %v\n%s", err, out)
	}
	if left, err := filepath.Glob(filepath.Join(own, "guestrc-run/*/*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	w.nothingLeft()
}

// Whatever is killed, and when, the guest ends and nothing is left.
func TestNothingIsLeftOfARunWhoeverIsKilled(t *testing.T) {
	if !lab.NetNS(t) {
		return
	}
	if out, err := command(t, "ip", "link", "add", "br0", "type", "bridge").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	w := newWorld(t)
	name := w.rom("qemu.k", obeys(), `net0="bridge"`, `net0_br="br0"`, `net0_ifname="tap-k"`)
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 30 {
		f := w.foreground(name)
		p := f.process()
		victim := p
		if round%3 == 1 {
			var err error
			if victim, err = pidfile.Capture(f.cmd.Process.Pid); err != nil {
				t.Fatal(err)
			}
		}
		if round%2 == 1 { // during the stop, else during the start
			f.mustSay("qemu.k is up after")
			send(t, p, unix.SIGTERM)
		} else if round%4 == 2 {
			f.mustSay("Starting")
		}
		wait(t, time.Duration(random.IntN(150))*time.Millisecond)
		send(t, victim, unix.SIGKILL)
		_, _ = io.Copy(io.Discard, f.out)
		f.cmd.Wait()
		if victim != p {
			victim.Close()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if err := p.Wait(ctx); err != nil {
			t.Errorf("round %d: the run goes on: %v", round, err)
		}
		cancel()
		w.nothingLeft()
		if out, _ := command(t, "ip", "-br", "link", "show", "master", "br0").Output(); len(out) > 0 {
			t.Errorf("round %d: left in the bridge: %s", round, out)
		}
		if t.Failed() {
			t.Fatalf("round %d:\n%s%s", round, &f.said, &f.err)
		}
	}
}

func wait(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-t.Context().Done():
	case <-time.After(d):
	}
}
