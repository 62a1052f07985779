// Command bench measures guestrc against the raw tools, side by side in one
// run, and prints a table of medians with their spread. It judges nothing, and
// needs root, QEMU and, for the rows about init systems, what the tests need.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == holderVerb {
		holdPidfile(os.Args[2:])
		return
	}
	runs := flag.Int("n", 40, "runs of each measurement")
	guests := flag.Int("guests", 1000, "guests whose status is asked")
	containers := flag.Bool("containers", false, "measure containers only")
	depends := flag.Bool("depends", false, "measure dependencies only")
	listed := flag.Int("list", 0, "measure the list of so many real guests only, each of which takes 20 MiB")
	all := flag.Bool("all", false, "measure the stop of many at once only")
	checks := flag.Bool("check", false, "measure check and lint only")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Minute)
	defer cancel()
	if err := run(ctx, *runs, *guests, *listed, *all, *containers, *depends, *checks); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// row is one line of the table.
type row struct {
	what   string
	times  samples
	target string
}

// samples are durations of one measurement.
type samples []time.Duration

func (s samples) at(q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(s))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d.Microseconds())/1000) }

// bench is the place where measurements happen.
type bench struct {
	ctx     context.Context
	runs    int
	guests  int
	listed  int    // real guests, for lists
	dir     string // on a tmpfs, as /run is
	tmp     string // for programs
	program string
	empty   string // a Go program that does nothing
	rows    []row
}

func (b *bench) add(what, target string, times samples) {
	b.rows = append(b.rows, row{what, times, target})
	fmt.Fprintf(os.Stderr, "%s: median %s ms\n", what, ms(times.at(0.5)))
}

func run(ctx context.Context, runs, guests, listed int, all, containers, depends, checks bool) error {
	runtime.LockOSThread() // children are to die with the thread that made them
	dir, err := os.MkdirTemp("/dev/shm", "grb")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tmp, err := os.MkdirTemp("", "grb")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	b := &bench{ctx: ctx, runs: runs, guests: guests, listed: listed, dir: dir, tmp: tmp}
	measures := []func() error{b.build, b.execs, b.starts, b.stops, b.statuses, b.openrc, b.depends, b.containers, b.stopAll, b.checks}
	switch {
	case containers:
		measures = []func() error{b.build, b.execs, b.containers}
	case all:
		measures = []func() error{b.build, b.stopAll}
	case listed > 0:
		measures = []func() error{b.build, b.execs, b.lists}
	case checks:
		measures = []func() error{b.build, b.execs, b.checks}
	case depends:
		measures = []func() error{b.build, b.depends}
	}
	for _, measure := range measures {
		if err := measure(); err != nil {
			return err
		}
	}
	b.print()
	return nil
}

// build makes the two programs as the Makefile does.
func (b *bench) build() error {
	b.program, b.empty = filepath.Join(b.tmp, "guestrc"), filepath.Join(b.tmp, "empty")
	source := filepath.Join(b.tmp, "empty.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		return err
	}
	for out, pkg := range map[string]string{b.program: "./cmd/guestrc", b.empty: source} {
		cmd := exec.CommandContext(b.ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("cannot build %s: %w: %s", pkg, err, text)
		}
	}
	return nil
}

// once times one run of a command that must succeed.
func (b *bench) once(name string, args ...string) (time.Duration, error) {
	cmd := exec.CommandContext(b.ctx, name, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	began := time.Now()
	err := cmd.Run()
	took := time.Since(began)
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, stderr.String())
	}
	return took, nil
}

// pairs runs a and b in turn, so that a change of the machine's speed meets both.
func (b *bench) pairs(first, second func() (time.Duration, error)) (one, two samples, err error) {
	for i := range b.runs + 2 {
		x, err := first()
		if err != nil {
			return nil, nil, err
		}
		y, err := second()
		if err != nil {
			return nil, nil, err
		}
		if i >= 2 { // two to warm up
			one, two = append(one, x), append(two, y)
		}
	}
	return one, two, nil
}

// difference is pair by pair.
func difference(one, two samples) samples {
	d := make(samples, len(one))
	for i := range one {
		d[i] = one[i] - two[i]
	}
	return d
}

func (b *bench) execs() error {
	mine, empty, err := b.pairs(
		func() (time.Duration, error) { return b.once(b.program, "version") },
		func() (time.Duration, error) { return b.once(b.empty) })
	if err != nil {
		return err
	}
	b.add("an empty Go program", "", empty)
	b.add("guestrc version", "", mine)
	b.add("guestrc version, beyond an empty Go program", "≤ 2", difference(mine, empty))
	return nil
}

func (b *bench) print() {
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 1, ' ', 0)
	fmt.Fprintf(w, "| milliseconds\t| median\t| p5\t| p95\t| target\t|\n|---\t|---:\t|---:\t|---:\t|---:\t|\n")
	for _, r := range b.rows {
		fmt.Fprintf(w, "| %s\t| %s\t| %s\t| %s\t| %s\t|\n", r.what, ms(r.times.at(0.5)), ms(r.times.at(0.05)), ms(r.times.at(0.95)), r.target)
	}
	w.Flush()
	var uts unix.Utsname
	unix.Uname(&uts)
	fmt.Printf("\n%d runs each; %d CPUs, Linux %s, %s, %s\n", b.runs, runtime.NumCPU(), unix.ByteSliceToString(uts.Release[:]), b.qemuVersion(), runtime.Version())
}

func (b *bench) qemuVersion() string {
	out, err := exec.CommandContext(b.ctx, "qemu-system-x86_64", "--version").Output()
	if err != nil {
		return "QEMU unknown"
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}
