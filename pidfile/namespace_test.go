package pidfile

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// namespaceVar tells the test binary that it is PID 1 of a namespace.
const namespaceVar = "PIDFILE_TEST_NAMESPACE"

// inNamespace runs the calling test anew as PID 1 of a pid namespace with a
// /proc of its own, where the next process number can be chosen and nothing
// outlives the test. It is true inside; outside the result is passed on.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(namespaceVar) != "" {
		return true
	}
	cmd := exec.CommandContext(deadline(t), "/proc/self/exe",
		"-test.run=^"+regexp.QuoteMeta(t.Name())+"$", "-test.v", "-test.timeout=100s")
	cmd.Env = append(os.Environ(), namespaceVar+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS,
		Pdeathsig:  syscall.SIGKILL,
	}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		missing(t, fmt.Sprintf("pid namespaces: %v", err))
	}
	err := cmd.Wait()
	t.Logf("in a pid namespace:\n%s", &out)
	if err != nil {
		t.Fatalf("in a pid namespace: %v", err)
	}
	if !bytes.Contains(out.Bytes(), []byte("--- PASS: "+t.Name())) {
		t.Fatal("the test did not run in its namespace")
	}
	return false
}

// enterNamespace gives PID 1 of a namespace its own /proc, and the runtime all
// the threads that it may want: one made later could take the number that is
// meant for a decoy, and would keep it.
func enterNamespace() {
	must(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	must(unix.Mount("proc", "/proc", "proc", 0, ""))
	var pipe [2]int
	must(unix.Pipe2(pipe[:], unix.O_CLOEXEC))
	var all sync.WaitGroup
	for range 24 {
		all.Go(func() { unix.Read(pipe[0], make([]byte, 1)) })
	}
	time.Sleep(20 * time.Millisecond) // until each blocks in a thread of its own
	must(unix.Close(pipe[1]))
	all.Wait()
	runtime.LockOSThread() // makes the runtime's template thread
	runtime.UnlockOSThread()
}

// reuse starts decoys until one has the process number pid.
func reuse(t testing.TB, pid int, start func() *decoy) *decoy {
	t.Helper()
	for range 200 {
		ok(t, os.WriteFile("/proc/sys/kernel/ns_last_pid", fmt.Appendf(nil, "%d", pid-1), 0))
		d := start()
		if d.pid == pid {
			return d
		}
		d.end() // a new thread of ours was faster
	}
	t.Fatalf("no decoy got process number %d", pid)
	return nil
}
