package qemu

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/need"
)

// acceptTime is far more than a QEMU needs that runs no guest.
const acceptTime = 60 * time.Second

// TestRealQEMUAccepts starts the real QEMU, paused, with the argv of every case
// of testdata/plan that this machine can serve: files, sockets, bridges, the
// user to become and the sandbox are real. Only KVM is not.
func TestRealQEMUAccepts(t *testing.T) {
	need.Programs(t, "qemu-system-x86_64", "qemu-system-i386", "qemu-img")
	for _, c := range planCases(t) {
		if !c.accept {
			continue
		}
		t.Run(c.label, func(t *testing.T) {
			ownNetns(t)
			for _, bridge := range []string{"br0", "br1"} {
				addBridge(t, bridge)
			}
			addTap(t, "tap0")
			s := newScene(t)
			s.run(t, s.machine(t, c))
		})
	}
}

// scene is a directory in which the paths of a case exist.
type scene struct{ dir string }

// newScene: the directory's name is short, as sockets are in it.
func newScene(t *testing.T) *scene {
	t.Helper()
	dir, err := os.MkdirTemp("", "q")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.MkdirAll(filepath.Join(dir, "vm", "huge"), 0o755); err != nil {
		t.Fatal(err)
	}
	return &scene{dir}
}

// move makes the paths of a case those of the scene.
func (s *scene) move(text string) string {
	vm := s.dir + "/vm"
	return strings.NewReplacer("/dev/hugepages", vm+"/huge", "/srv/vm", vm, "/dev/vg", vm, "/dev/mapper", vm, "/boot", vm,
		"/run/qemu", s.dir+"/run/qemu").Replace(text)
}

// machine plans the case, with the files that it names made.
func (s *scene) machine(t *testing.T, c *planCase) *Machine {
	t.Helper()
	images := map[string]Image{}
	for path, image := range c.host.images {
		images[s.move(path)] = image
	}
	c.host.images = images
	features, err := probeFeatures(t.Context(), filepath.Join(s.dir, "cache"), "/usr/bin/qemu-system-x86_64")
	if err != nil {
		t.Fatal(err)
	}
	c.host.features = features
	c.host.uefi = &UEFI{Code: s.dir + "/vm/CODE_4M.fd", CodeFormat: "raw", Vars: s.dir + "/vm/VARS_4M.fd", VarsFormat: "raw"}
	s.write(t, c.host.uefi.Code, make([]byte, 3653632))
	s.write(t, c.host.uefi.Vars, make([]byte, 540672))
	for _, script := range []string{"ifup", "ifdown"} {
		s.write(t, filepath.Join(s.dir, "vm", script), []byte("#!/bin/sh\n"))
	}
	m, err := newMachine(guest.Layout{Root: s.dir}, c.name, c.config(t, s.move), c.host)
	if err != nil {
		t.Fatal(err)
	}
	s.files(t, m)
	if err := m.prepareFirmware(); err != nil {
		t.Fatal(err)
	}
	if err := m.makeDirs(); err != nil {
		t.Fatal(err)
	}
	return m
}

// files makes disks, kernels and firmware, each the least that QEMU takes.
func (s *scene) files(t *testing.T, m *Machine) {
	t.Helper()
	for _, d := range m.Disks {
		if strings.HasSuffix(d.Path, ".qcow2") {
			s.write(t, d.Path, nil)
			if out, err := exec.CommandContext(t.Context(), "qemu-img", "create", "-q", "-f", "qcow2", d.Path, "1M").CombinedOutput(); err != nil {
				t.Fatalf("qemu-img: %v: %s", err, out)
			}
			continue
		}
		s.write(t, d.Path, make([]byte, 1<<20))
	}
	for _, f := range m.Files {
		switch {
		case f.Role == "kernel":
			s.write(t, f.Path, fakeKernel())
		case f.Role == "vars" && m.VarsTemplate != "": // prepareFirmware makes it
		default:
			s.write(t, f.Path, make([]byte, 256<<10))
		}
	}
}

func (s *scene) write(t *testing.T, path string, data []byte) {
	t.Helper()
	if !strings.HasPrefix(path, s.dir+"/") {
		t.Fatalf("%s is not in %s", path, s.dir)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o755); err != nil {
		t.Fatal(err)
	}
}

// fakeKernel has the header that QEMU looks for, and no kernel
// (Documentation/arch/x86/boot.rst).
func fakeKernel() []byte {
	k := make([]byte, 16<<10)
	k[0x1f1] = 1 // setup_sects
	copy(k[0x1fe:], "\x55\xaa")
	copy(k[0x202:], "HdrS")
	binary.LittleEndian.PutUint16(k[0x206:], 0x20c)
	k[0x211] = 1 // loaded high
	binary.LittleEndian.PutUint32(k[0x22c:], 0x7fffffff)
	return k
}

// run starts QEMU on the calling thread, whose end ends it too, waits until its
// monitor answers, and has it quit.
func (s *scene) run(t *testing.T, m *Machine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), acceptTime)
	defer cancel()
	args := emulated(m.Args)
	if !slices.Contains(args, "-S") {
		args = append(args, "-S")
	}
	var out strings.Builder
	cmd := exec.CommandContext(ctx, m.Binary, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	inherited, err := m.openInherited()
	if err == nil {
		cmd.ExtraFiles = inherited
		err = cmd.Start()
	}
	closeAll(inherited) // so that a QEMU that ends is noticed
	if err != nil {
		t.Fatal(err)
	}
	err = askToQuit(ctx, m.Sockets.QMP, func() { checkUser(t, cmd.Process.Pid, m) })
	if waitErr := cmd.Wait(); err != nil || waitErr != nil {
		t.Errorf("%s\n%v, %v: %s", argvText(args), err, waitErr, out.String())
	}
}

// emulated takes KVM out of a command line.
func emulated(args []string) []string {
	args = slices.Clone(args)
	if i := slices.Index(args, "-enable-kvm"); i >= 0 {
		args = slices.Replace(args, i, i+1, "-accel", "tcg")
	}
	if i := slices.Index(args, "-cpu"); strings.HasPrefix(args[i+1], "host") {
		args[i+1] = "max"
	}
	return args
}

// checkUser looks whom QEMU became.
func checkUser(t *testing.T, pid int, m *Machine) {
	t.Helper()
	want := m.UID
	if m.User == "" {
		want = os.Geteuid()
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	if line := fmt.Sprintf("Uid:\t%d\t%d\t%d\t%[1]d\n", want, want, want); !strings.Contains(string(status), line) {
		t.Errorf("QEMU is not user %d: %s", want, status)
	}
}

// askToQuit says on a QMP socket what ends QEMU in order, and calls look just
// before that.
func askToQuit(ctx context.Context, socket string, look func()) error {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	answers := bufio.NewScanner(conn)
	for _, command := range []string{"greeting", "qmp_capabilities", "quit"} {
		switch command {
		case "greeting":
		case "quit":
			look()
			fallthrough
		default:
			if err := json.NewEncoder(conn).Encode(map[string]string{"execute": command}); err != nil {
				return err
			}
		}
		if !answers.Scan() {
			return fmt.Errorf("no answer from the monitor to %s: %v", command, answers.Err())
		}
		if strings.Contains(answers.Text(), `"error"`) {
			return fmt.Errorf("%s", answers.Text())
		}
	}
	return nil
}
