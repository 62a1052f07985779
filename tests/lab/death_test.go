package lab

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// holdMachine names the kind of machine that a process holds until it is killed.
const holdMachine = "GUESTRC_TEST_HOLD"

// TestDiesWithTheTest kills a process that has machines; nothing may live on.
func TestDiesWithTheTest(t *testing.T) {
	if kind := os.Getenv(holdMachine); kind != "" {
		m := services[kind].start(t)
		fmt.Printf("\npid %d\n", m.pid)
		time.Sleep(time.Minute)
		return
	}
	for kind := range services {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			cmd := exec.CommandContext(within(t, time.Minute), "/proc/self/exe", "-test.run=^TestDiesWithTheTest$")
			cmd.Env = append(os.Environ(), holdMachine+"="+kind, "TMPDIR="+t.TempDir())
			t.Cleanup(func() { sweepAll(t) }) // who is killed cannot clean up; the next one does
			cmd.Stdout = w
			holder := Start(t, cmd)
			w.Close()
			pid := 0
			for s := bufio.NewScanner(r); pid == 0 && s.Scan(); {
				fmt.Sscanf(s.Text(), "pid %d", &pid)
			}
			pidfd, err := unix.PidfdOpen(pid, 0)
			if err != nil {
				t.Fatalf("cannot find the init: %v", err)
			}
			defer unix.Close(pidfd)
			holder.Kill()
			fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
			if n, err := unix.Poll(fds, 30_000); n != 1 {
				t.Errorf("the init of the machine lives on (%v)", err)
			}
		})
	}
}

func sweepAll(t *testing.T) {
	for _, h := range hierarchies(t) {
		sweep(h.own)
	}
}
