package qemu

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// kvmProgram counts down from four million, writes 42 and 43 to port 0x80, and
// halts.
var kvmProgram = []byte{
	0xb9, 0x00, 0x09, 0x3d, 0x00, // mov ecx, 4000000
	0xff, 0xc9, // dec ecx
	0x75, 0xfc, // jnz to dec
	0xb0, 42, // mov al, 42
	0xe6, 0x80, // out 0x80, al
	0x04, 1, // add al, 1
	0xe6, 0x80, // out 0x80, al
	0xf4, // hlt
}

// From linux/kvm.h and arch/x86/include/uapi/asm/kvm.h.
const (
	kvmSetUserMemoryRegion = 0x4020ae46
	kvmSetTSSAddr          = 0xae47
	kvmGetSregs            = 0x8138ae83
	kvmSetSregs            = 0x4138ae84
	kvmSetRegs             = 0x4090ae82

	kvmExitIO  = 2
	kvmExitHLT = 5
)

type kvmMemoryRegion struct {
	slot, flags             uint32
	guestAddr, size, memory uint64
}

type kvmSegment struct {
	base                       uint64
	limit                      uint32
	selector                   uint16
	kind, present, dpl, db     uint8
	s, l, g, avl, unusable, _p uint8
}

type kvmTableRegister struct {
	base  uint64
	limit uint16
	_     [3]uint16
}

type kvmSregs struct {
	cs, ds, es, fs, gs, ss, tr, ldt         kvmSegment
	gdt, idt                                kvmTableRegister
	cr0, cr2, cr3, cr4, cr8, efer, apicBase uint64
	interrupts                              [4]uint64
}

type kvmRegs struct {
	general     [16]uint64
	rip, rflags uint64
}

// kvmRunState is the head of the area that a vCPU shares with us.
type kvmRunState struct {
	_             uint8
	immediateExit uint8
	_             [6]uint8
	exitReason    uint32
	_             [20]uint8
	ioDirection   uint8 // 1: out
	ioSize        uint8
	ioPort        uint16
	ioCount       uint32
	ioData        uint64 // offset in this area
}

// The machine's memory: one page of program, three of page tables that map the
// first 2 MiB to themselves.
const (
	kvmCode, kvmPML4, kvmPDPT, kvmPD = 0x1000, 0x2000, 0x3000, 0x4000
	kvmMemory                        = 2 << 20
)

// run makes the machine and follows it to its end. It is in long mode from its
// first instruction: real mode is what even a processor's KVM may interpret.
func (t *kvmTrial) run(program []byte) error {
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
	memory, err := unix.Mmap(-1, 0, kvmMemory, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return fmt.Errorf("cannot map memory: %w", err)
	}
	defer unix.Munmap(memory)
	fillMemory(memory, program)
	region := kvmMemoryRegion{size: kvmMemory, memory: uint64(uintptr(unsafe.Pointer(&memory[0])))}
	if _, err := ioctl(vm, kvmSetTSSAddr, 0xfffbd000); err != nil { // where QEMU puts it
		return fmt.Errorf("cannot place the task state segment: %w", err)
	}
	if _, err := ioctlPtr(vm, kvmSetUserMemoryRegion, unsafe.Pointer(&region)); err != nil {
		return fmt.Errorf("cannot give it memory: %w", err)
	}
	vcpu, err := ioctl(vm, kvmCreateVCPU, 0)
	if err != nil {
		return fmt.Errorf("cannot create a CPU: %w", err)
	}
	defer unix.Close(vcpu)
	if err := enterLongMode(vcpu); err != nil {
		return fmt.Errorf("cannot set registers: %w", err)
	}
	size, err := ioctl(kvm, kvmGetVCPUMmapSize, 0)
	if err != nil {
		return fmt.Errorf("cannot ask for the CPU's size: %w", err)
	}
	shared, err := unix.Mmap(vcpu, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("cannot map the CPU: %w", err)
	}
	defer unix.Munmap(shared)
	state := (*kvmRunState)(unsafe.Pointer(&shared[0]))
	t.stopWith(func() { state.immediateExit = 1 })
	defer t.stopWith(nil)
	for _, want := range []byte{42, 43} {
		if err := awaitOut(vcpu, state, shared, want); err != nil {
			return err
		}
	}
	if err := runVCPU(vcpu); err != nil {
		return err
	}
	if state.exitReason != kvmExitHLT {
		return fmt.Errorf("its CPU stopped for reason %d, not for hlt", state.exitReason)
	}
	return nil
}

func fillMemory(memory, program []byte) {
	copy(memory[kvmCode:], program)
	const present, writable, large = 1, 2, 0x80
	for at, entry := range map[int]uint64{
		kvmPML4: kvmPDPT | present | writable,
		kvmPDPT: kvmPD | present | writable,
		kvmPD:   0 | present | writable | large,
	} {
		*(*uint64)(unsafe.Pointer(&memory[at])) = entry
	}
}

func enterLongMode(vcpu int) error {
	var s kvmSregs
	if _, err := ioctlPtr(vcpu, kvmGetSregs, unsafe.Pointer(&s)); err != nil {
		return err
	}
	const limit = 0xffffffff
	s.cs = kvmSegment{limit: limit, selector: 8, kind: 11, present: 1, s: 1, l: 1, g: 1}
	data := kvmSegment{limit: limit, selector: 16, kind: 3, present: 1, db: 1, s: 1, g: 1}
	s.ds, s.es, s.fs, s.gs, s.ss = data, data, data, data, data
	s.cr0 = 0x80050033 // PG AM WP NE ET MP PE
	s.cr3 = kvmPML4
	s.cr4 = 0x20   // PAE
	s.efer = 0x500 // LMA LME
	if _, err := ioctlPtr(vcpu, kvmSetSregs, unsafe.Pointer(&s)); err != nil {
		return err
	}
	r := kvmRegs{rip: kvmCode, rflags: 2}
	_, err := ioctlPtr(vcpu, kvmSetRegs, unsafe.Pointer(&r))
	return err
}

func awaitOut(vcpu int, state *kvmRunState, shared []byte, want byte) error {
	if err := runVCPU(vcpu); err != nil {
		return err
	}
	if state.exitReason != kvmExitIO || state.ioDirection != 1 || state.ioPort != 0x80 || state.ioData >= uint64(len(shared)) {
		return fmt.Errorf("its CPU stopped for reason %d, not for its output", state.exitReason)
	}
	if got := shared[state.ioData]; got != want {
		return fmt.Errorf("it computed %d, not %d", got, want)
	}
	return nil
}

func runVCPU(vcpu int) error {
	if _, err := ioctl(vcpu, kvmRunVCPU, 0); err != nil {
		return fmt.Errorf("cannot run its CPU: %w", err)
	}
	return nil
}
