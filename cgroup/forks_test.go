package cgroup

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// forks makes the test's own program fork for ever; see TestMain.
const forks = "GUESTRC_TEST_FORKS"

func TestMain(m *testing.M) {
	how := os.Getenv(forks)
	if how == "" {
		os.Exit(m.Run())
	}
	// The kernel reaps for us what ends; nobody else would be fast enough.
	signal.Ignore(unix.SIGCHLD)
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	pause := unix.NsecToTimespec(1e6)
	for range 8 {
		if fork() != 0 {
			continue
		}
		for how == "chain" {
			if child := fork(); child > 0 {
				unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
			}
		}
		for { // the child's turn, too
			fork()
			unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&pause)), 0, 0)
		}
	}
	fmt.Println("go")
	io.Copy(io.Discard, os.Stdin)
}

// fork gives 0 in the child and less when there can be no more. The child may
// use nothing of the runtime.
func fork() int {
	pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return -1
	}
	return int(pid)
}

// newForker starts one in the groups, and returns once it has begun. The process
// that reaps is outside then.
func newForker(t *testing.T, how string, groups ...Group) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := newChild(t, fmt.Sprintf("%s=%s exec '%s'", forks, how, self), groups...)
	if _, err := c.out.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		enter(t, c.Pid(), Group{Dir: filepath.Dir(g.Dir)})
	}
}
