package qemu

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const kvmDevice = "/dev/kvm"

// From linux/kvm.h; the calls without an argument struct are the same on every
// architecture.
const (
	kvmGetAPIVersion   = 0xae00
	kvmCreateVM        = 0xae01
	kvmGetVCPUMmapSize = 0xae04
	kvmCreateVCPU      = 0xae41
	kvmRunVCPU         = 0xae80

	kvmAPIVersion = 12 // since Linux 2.6.22, and for good
)

// kvmTime is what the trial's program may take. A processor needs a
// millisecond or two for it. Some hosts have a /dev/kvm that does everything
// it is asked, but interprets a guest's kernel instruction by instruction:
// there it takes ten seconds, and a real guest never comes up.
const kvmTime = time.Second

// kvmTrial is one attempt to run a virtual machine, on a thread of its own.
type kvmTrial struct {
	mu     sync.Mutex
	thread int    // 0 until the thread runs
	stop   func() // makes KVM_RUN return at once; nil before and after
}

// tryKVM runs program in a small virtual machine, and is nil when that did
// what it should. It ends within about two seconds, whatever the kernel does.
func tryKVM(program []byte) error {
	t := new(kvmTrial)
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // a vCPU belongs to a thread
		t.onThread()
		done <- t.run(program)
		runtime.UnlockOSThread()
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(kvmTime):
	}
	t.kick()
	select {
	case <-done:
		return fmt.Errorf("a small virtual machine did not end within %v", kvmTime)
	case <-time.After(kvmTime):
		return errors.New("a small virtual machine hangs in the kernel") // and keeps its thread
	}
}

func (t *kvmTrial) onThread() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.thread = unix.Gettid()
}

func (t *kvmTrial) stopWith(stop func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stop = stop
}

// kick gets the thread out of KVM_RUN: immediate_exit for the next call, a
// signal for the present one (Documentation/virt/kvm/api.rst, KVM_RUN). SIGURG
// is what Go's own scheduler interrupts threads with, and does nothing else.
func (t *kvmTrial) kick() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stop == nil || t.thread == 0 {
		return
	}
	t.stop()
	_ = unix.Tgkill(os.Getpid(), t.thread, unix.SIGURG) // fails only for a thread that is gone
}

// openKVM opens the device and checks that it speaks the one API there is.
func openKVM() (fd int, err error) {
	fd, err = unix.Open(kvmDevice, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("cannot open %s: %w", kvmDevice, err)
	}
	version, err := ioctl(fd, kvmGetAPIVersion, 0)
	if err == nil && version != kvmAPIVersion {
		err = fmt.Errorf("its API has version %d, not %d", version, kvmAPIVersion)
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("cannot use %s: %w", kvmDevice, err)
	}
	return fd, nil
}
