package qemu

import "github.com/guestrc/guestrc/image"

// Host answers what the plan and the preflight must know of the machine that
// they are made for. Every question is about now; none changes anything.
type Host interface {
	// IDs are the effective user and group.
	IDs() (uid, gid int)
	// Program finds a program, such as qemu-system-x86_64, as an absolute path.
	Program(name string) (string, error)
	// Features is what the QEMU at path understands.
	Features(path string) (Features, error)
	// KVM is nil when a small virtual machine of that architecture runs.
	KVM(arch string) error
	// KVMFor is nil when the processor can be one of that architecture.
	KVMFor(arch string) error
	// VhostVsock is nil when /dev/vhost-vsock can be opened.
	VhostVsock() error
	// KVMDevice is nil when /dev/kvm can be opened.
	KVMDevice() error
	// User finds a user by name or number; gid is -1 for a number that no user has.
	User(name string) (uid, gid int, err error)
	// Group finds a group by name or number.
	Group(name string) (gid int, err error)
	// UEFI finds firmware for an architecture and machine type.
	UEFI(arch, machine string) (UEFI, error)
	// Image is what a disk's file is, from its type and its first bytes.
	Image(path string) (Image, error)
	// Chain is what an image stands on, as image.Chain has it.
	Chain(path, format string) ([]image.Link, error)

	// Memory is the host's, in bytes.
	Memory() (uint64, error)
	// CPUs are the numbers of those that are online.
	CPUs() ([]int, error)
	// QuietCPUs are those, of online ones, that have nothing else to do.
	QuietCPUs(online []int) ([]int, error)
	// HugePages is what the file system at path can give.
	HugePages(path string) (HugePages, error)
	// LinkDriver is the driver of a network interface, "bridge" or "tun", and
	// empty when there is no such interface.
	LinkDriver(name string) (string, error)
}

// Image is what a disk's file is.
type Image struct {
	Block  bool   // a block device
	Format string // by its magic number, such as "qcow2"; empty when it has none that is known
}

// UEFI is a firmware image and the variables that it starts with.
type UEFI struct {
	Code, CodeFormat string
	Vars, VarsFormat string // the template
}

// Features is what a QEMU program understands, as far as releases differ.
type Features struct {
	Version     string `json:"version"` // "7.2.22"
	Runas       bool   `json:"runas"`   // -runas: up to 9.x
	RunWithUser bool   `json:"run_with_user"`
}
