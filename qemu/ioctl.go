package qemu

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// ioctl is ioctl(2) with a number, or with nothing.
func ioctl(fd int, request, arg uintptr) (int, error) {
	result, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, arg)
	if errno != 0 {
		return 0, errno
	}
	return int(result), nil
}

// ioctlPtr is ioctl(2) with a struct, which does not move during the call.
func ioctlPtr(fd int, request uintptr, arg unsafe.Pointer) (int, error) {
	result, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(arg))
	if errno != 0 {
		return 0, errno
	}
	return int(result), nil
}
