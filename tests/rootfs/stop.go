package rootfs

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
)

// PowerOffSignals are the signals on which the init powers off in order, the
// best one first, and which need nothing else. Sysvinit has none (see
// Powerfail), nor has Stubborn. Runit's is Debian's patch: runit by itself
// wants a file and SIGCONT, which is what PowerOff does.
func (i Init) PowerOffSignals() []unix.Signal { return recipes[i].powerOff }

// RebootSignal makes the init reboot; 0 when there is none.
func (i Init) RebootSignal() unix.Signal { return recipes[i].reboot }

// PowerOffCommand powers off when it is run inside; nil when the root has no
// such program.
func (i Init) PowerOffCommand() []string { return recipes[i].command }

// Stop makes the init power off in its own way, from outside, and waits until
// container and monitor are gone. Stubborn is killed.
//
// On an idle host, Make takes 20 to 100 ms, mostly for the copy. Boot and stop
// take, in seconds: Busybox 0.03 and 2 to 3, Script 0.33 and 2 to 3, OpenRC 0.09
// and 3.05, Runit 0.03 (now and then 1) and 1.5, Finit 0.44 and 1.4, Systemd
// 0.05 and 0.08, Sysvinit 0.03 and 0.02, S6 0.03 and 0.03, the programs 0.02
// and 0.12. The long ones are sleeps within the inits: two seconds in busybox's,
// after one more when it has just booted and keeps signals pending; three in
// openrc-init 0.45, whatever the runlevels hold.
func (c *Container) Stop(t T) {
	t.Helper()
	m, err := c.Monitor()
	if err != nil {
		t.Fatalf("cannot stop %s: %v", c.Name, err)
	}
	defer m.Close()
	if err := c.PowerOff(); err != nil {
		t.Fatalf("cannot stop %s: %v\n%s", c.Name, err, c.Console())
	}
	ctx, cancel := context.WithTimeout(t.Context(), stopTime)
	defer cancel()
	if err := m.Wait(ctx); err != nil {
		t.Fatalf("%s did not stop: %v\n%s", c.Name, err, c.Console())
	}
}

// PowerOff asks the init to power off, in its own way, from outside.
func (c *Container) PowerOff() error {
	p, err := c.Process()
	if err != nil {
		return err
	}
	defer p.Close()
	switch c.Init {
	case Stubborn:
		return p.Signal(unix.SIGKILL)
	case Sysvinit:
		return writeInside(p, "run/initctl", runlevelRequest('0'))
	case Runit:
		// runit looks at the mode's bit for its owner.
		if err := fileInside(p, "run/runit.stopit", 0o100); err != nil {
			return err
		}
		return p.Signal(unix.SIGCONT)
	}
	return p.Signal(c.Init.PowerOffSignals()[0])
}

// runlevelRequest is struct init_request of sysvinit's initreq.h.
func runlevelRequest(level byte) []byte {
	const magic, runlevel, size = 0x03091969, 1, 384
	request := make([]byte, size)
	for i, v := range []uint32{magic, runlevel, uint32(level)} {
		binary.NativeEndian.PutUint32(request[4*i:], v)
	}
	return request
}

// writeInside writes to what exists in the container.
func writeInside(p *pidfile.Process, name string, content []byte) error {
	f, err := openInside(p, name, unix.O_WRONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = bytes.NewReader(content).WriteTo(f)
	return err
}

// fileInside makes an empty file in the container, or gives one its mode.
func fileInside(p *pidfile.Process, name string, mode uint32) error {
	f, err := openInside(p, name, unix.O_WRONLY|unix.O_CREAT, mode)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Chmod(os.FileMode(mode))
}

// openInside opens a file in the root that the process sees.
func openInside(p *pidfile.Process, name string, flags int, mode uint32) (*os.File, error) {
	root, err := os.Open(fmt.Sprintf("/proc/%d/root", p.Pid()))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if p.Ended() {
		return nil, pidfile.ErrGone // and the root may be another's
	}
	fd, err := unix.Openat2(int(root.Fd()), name, &unix.OpenHow{
		Flags: uint64(flags) | unix.O_CLOEXEC, Mode: uint64(mode), Resolve: unix.RESOLVE_IN_ROOT})
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}
