// Command blocks becomes a program that has blocked every signal and reads none:
// they stay pending. A signal mask outlives execve(2).
package main

import (
	"os"
	"runtime"
	"syscall"
	"unsafe"
)

func main() {
	if f, err := os.OpenFile("/marks/up", os.O_RDWR, 0); err == nil {
		f.WriteString("up here\n")
		f.Close()
	}
	runtime.LockOSThread()
	all := ^uint64(0)
	const setMask = 2 // SIG_SETMASK
	syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, setMask, uintptr(unsafe.Pointer(&all)), 0, 8, 0, 0)
	syscall.Exec("/bin/busybox", []string{"sleep", "100000"}, nil)
}
