package lab

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/need"
)

// inNetNS marks the process that NetNS started.
const inNetNS = "GUESTRC_TEST_NETNS"

// NetNS runs the calling test once more, in a process whose network is its
// own: nothing but lo, which is up. There it returns true and the test goes
// on. In the first process it returns false, after the second has ended and
// its output and outcome were taken over; the test then returns.
//
// What the test did before the call happens in both: the place for downloads.
// All goroutines are in the new namespace, as setns for one thread could not
// promise.
func NetNS(t T) (inside bool) {
	t.Helper()
	if os.Getenv(inNetNS) == t.Name() {
		if err := loopbackUp(); err != nil {
			t.Fatalf("cannot set lo up: %v", err)
		}
		return true
	}
	need.Root(t)
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", testFlags(t.Name())...)
	cmd.Env = append(os.Environ(), inNetNS+"="+t.Name())
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.WaitDelay = time.Second // a stray child that holds the output must not hold us
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	err := Start(t, cmd).Wait(t.Context())
	switch {
	case err != nil:
		t.Fatalf("in a network namespace: %v\n%s", err, output.String())
	case strings.Contains(output.String(), "--- SKIP: "+t.Name()+" "):
		t.Skipf("in a network namespace:\n%s", output.String())
	}
	t.Logf("in a network namespace:\n%s", output.String())
	return false
}

// testFlags hands on how tests are run, and selects the one test.
func testFlags(name string) []string {
	var elems []string
	for elem := range strings.SplitSeq(name, "/") {
		elems = append(elems, "^"+regexp.QuoteMeta(elem)+"$")
	}
	args := []string{"-test.run=" + strings.Join(elems, "/"), "-test.count=1", "-test.v"}
	for _, f := range []string{"test.timeout", "test.short"} {
		if set := flag.Lookup(f); set != nil {
			args = append(args, "-"+f+"="+set.Value.String())
		}
	}
	return args
}

// loopbackUp sets IFF_UP on lo, netdevice(7).
func loopbackUp() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, req)
}
