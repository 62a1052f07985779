// Command app is what containers run that have no init: as "handler" it stops
// on SIGTERM, a tenth of a second after it was asked; as "stubborn" it ignores
// whatever can be ignored. It is silent, and leaves marks like the inits do.
package main

import (
	"os"
	"os/signal"
	"path/filepath"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// cleanup is how long the work takes that SIGTERM asks for.
const cleanup = 100 * time.Millisecond

const (
	sigDefault = 0 // SIG_DFL, asm-generic/signal-defs.h
	sigIgnore  = 1 // SIG_IGN
	lastSignal = 64
)

func main() {
	switch filepath.Base(os.Args[0]) {
	case "stubborn":
		dispose(sigIgnore)
		up()
		for {
			unix.Pause()
		}
	default:
		asked := make(chan os.Signal, 1)
		signal.Notify(asked, unix.SIGTERM)
		dispose(sigDefault, unix.SIGTERM)
		up()
		<-asked
		time.Sleep(cleanup)
		mark("/marks/down", "clean\n")
	}
}

// dispose takes all signals from Go's runtime, which handles nearly every one
// and so would hide what this program does.
func dispose(how uintptr, except ...unix.Signal) {
next:
	for sig := unix.Signal(1); sig <= lastSignal; sig++ {
		for _, e := range except {
			if sig == e {
				continue next
			}
		}
		action := [8]uintptr{how} // struct sigaction of the kernel is no larger
		// SIGKILL and SIGSTOP are refused.
		unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&action)), 0, lastSignal/8, 0, 0)
	}
}

// up says so, and for which machine the kernel says it is.
func up() {
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		mark("/marks/up", "up "+unix.ByteSliceToString(u.Machine[:])+"\n")
	}
}

// mark writes for whoever looks; without a reader it is lost, and nobody to
// tell. For reading too, as an open for writing alone waits for a reader.
func mark(path, line string) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_TRUNC|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return
	}
	unix.Write(fd, []byte(line))
	unix.Close(fd)
}
