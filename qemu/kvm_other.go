//go:build !amd64

package qemu

import (
	"fmt"

	"golang.org/x/sys/unix"
)

var kvmProgram []byte // none is written for this processor

// run makes a machine with one CPU, and does not run it.
func (t *kvmTrial) run([]byte) error {
	kvm, err := openKVM()
	if err != nil {
		return err
	}
	defer unix.Close(kvm)
	vm, err := ioctl(kvm, kvmCreateVM, 0)
	if err != nil {
		return fmt.Errorf("cannot create a virtual machine: %w", err)
	}
	defer unix.Close(vm)
	vcpu, err := ioctl(vm, kvmCreateVCPU, 0)
	if err != nil {
		return fmt.Errorf("cannot create a CPU: %w", err)
	}
	return unix.Close(vcpu)
}
