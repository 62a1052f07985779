package qemu

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// haveKVM says whether this machine has a KVM to try at all. Where it has
// none, the trial must say so, which is a test too.
func haveKVM(t *testing.T) bool {
	t.Helper()
	fd, err := openKVM()
	if err != nil {
		t.Log(err)
		return false
	}
	if err := unix.Close(fd); err != nil {
		t.Fatal(err)
	}
	return true
}

// TestTryKVM: whatever this machine's KVM is like, the trial says so in time.
func TestTryKVM(t *testing.T) {
	began := time.Now()
	err := tryKVM(kvmProgram)
	t.Logf("KVM: %v, after %v", err, time.Since(began))
	if took := time.Since(began); took > 2*kvmTime+time.Second {
		t.Errorf("the trial took %v", took)
	}
	if !haveKVM(t) && err == nil {
		t.Errorf("it ran without %s", kvmDevice)
	}
}

// TestTryKVMHangs: a guest that never ends is kicked out of KVM_RUN.
func TestTryKVMHangs(t *testing.T) {
	began := time.Now()
	err := tryKVM([]byte{0xeb, 0xfe}) // jmp to itself
	if err == nil || haveKVM(t) && !strings.Contains(err.Error(), "did not end within") {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took > 2*kvmTime {
		t.Errorf("took %v", took)
	}
}

// TestTryKVMWrong: a guest that does something else is not a success.
func TestTryKVMWrong(t *testing.T) {
	for _, program := range [][]byte{
		{0xf4},                       // hlt at once
		{0xb0, 41, 0xe6, 0x80, 0xf4}, // 41
		{0xb0, 42, 0xe6, 0x81, 0xf4}, // another port
		{0xb0, 42, 0xe6, 0x80, 0xb0, 43, 0xe6, 0x80, 0x0f, 0x0b}, // ud2 for hlt
	} {
		if err := tryKVM(program); err == nil {
			t.Errorf("% x passes", program)
		}
	}
}
