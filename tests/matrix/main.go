// Command matrix runs the tests of guests as services in each combination of a
// Debian release and an init system, and prints a row for each: the versions,
// as the programs in the machines tell them, and how many tests passed. It fails
// if any did, or if a combination was not tested. What fails is told after the
// row. GUESTRC_MATRIX restricts it, as in GUESTRC_MATRIX="sid/openrc trixie/systemd".
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/release"
)

const (
	variable = "GUESTRC_MATRIX" // of tests/services too
	// testTime is for one combination, which takes two minutes.
	testTime = 20 * time.Minute
	// killDelay is what the tests have to end, once they are told to.
	killDelay = 10 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	err := run(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "matrix:", err)
		os.Exit(1)
	}
}

// combinations are all, unless the environment names some.
func combinations() (wanted []string, err error) {
	var all []string
	for _, r := range release.Names() {
		all = append(all, r+"/openrc", r+"/systemd")
	}
	list, set := os.LookupEnv(variable)
	if !set {
		return all, nil
	}
	wanted = strings.Fields(list)
	for _, c := range wanted {
		if !slices.Contains(all, c) {
			return nil, fmt.Errorf("cannot test %q of %s: there are %s", c, variable, strings.Join(all, ", "))
		}
	}
	if len(wanted) == 0 {
		return nil, fmt.Errorf("%s names no combination", variable)
	}
	return wanted, nil
}

func run(ctx context.Context, w io.Writer) error {
	wanted, err := combinations()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, row, "release", "init", "", "QEMU", "LXC", "passed", "failed", "total", "seconds")
	var bad []string
	for _, c := range wanted {
		begun := time.Now()
		r, err := test(ctx, c)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !r.print(w, c, time.Since(begun), err) {
			bad = append(bad, c)
		}
	}
	if len(bad) > 0 {
		return fmt.Errorf("failed: %s", strings.Join(bad, ", "))
	}
	return nil
}

// test runs the tests in one combination. Nothing is skipped: with less than all
// of them, a row would tell nothing.
func test(ctx context.Context, combination string) (result, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-json", "-count=1", "-parallel=2", "-timeout="+testTime.String(), "./tests/services")
	cmd.Env = append(os.Environ(), variable+"="+combination, "CI=true")
	cmd.Stderr = os.Stderr
	// The tests are not the go command's only child: all of them are told.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGTERM}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGTERM) }
	cmd.WaitDelay = killDelay
	out, err := cmd.StdoutPipe()
	if err != nil {
		return result{}, err
	}
	if err := cmd.Start(); err != nil {
		return result{}, err
	}
	r, err := read(out, strings.ReplaceAll(combination, "/", "-"))
	if err != nil {
		_, _ = io.Copy(io.Discard, out) // lest it waits for us
	}
	return r, errors.Join(err, cmd.Wait())
}
