package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// checks measures the doctor on virtual machines with two disks each, of which
// one has a backing file, and the linter beside shellcheck on the same scripts.
func (b *bench) checks() error {
	for _, n := range []int{1, 100, 1000} {
		root, err := b.patients(n)
		if err != nil {
			return err
		}
		times, _, err := b.pairs(
			func() (time.Duration, error) { return b.found(b.program, "--root", root, "check") },
			func() (time.Duration, error) { return 0, nil })
		if err != nil {
			return err
		}
		for i := range times {
			times[i] /= time.Duration(n)
		}
		b.add(fmt.Sprintf("guestrc check of %d guests, for each", n), "≤ 30", times)
	}
	return b.scripts()
}

// patients are n guests below a root of their own.
func (b *bench) patients(n int) (root string, err error) {
	name := fmt.Sprintf("c%d", n)
	root = filepath.Join(b.dir, name)
	base := filepath.Join(b.dir, "base.qcow2")
	if _, err := b.once("qemu-img", "create", "-q", "-f", "qcow2", base, "1G"); err != nil {
		return "", err
	}
	over, data := filepath.Join(b.dir, "over.qcow2"), filepath.Join(b.dir, "data.raw")
	if _, err := b.once("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, over); err != nil {
		return "", err
	}
	overlay, err := os.ReadFile(over)
	if err != nil {
		return "", err
	}
	for i := range n {
		disks := [2]string{fmt.Sprintf("%s.%s.%d", over, name, i), fmt.Sprintf("%s.%s.%d", data, name, i)}
		if err := errors.Join(os.WriteFile(disks[0], overlay, 0o600), os.WriteFile(disks[1], nil, 0o600), os.Truncate(disks[1], 1<<30)); err != nil {
			return "", err
		}
		text := fmt.Sprintf("%s\ndisk0_file=%s\ndisk1_file=%s\ndisk1_format=raw\nnet0=user\n", pausedGuest, disks[0], disks[1])
		if err := b.describe(name, fmt.Sprintf("qemu.c%04d", i), text); err != nil {
			return "", err
		}
	}
	return root, nil
}

// found is once for a program whose status 1 and 2 say that it found something.
func (b *bench) found(name string, args ...string) (time.Duration, error) {
	cmd := exec.CommandContext(b.ctx, name, args...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1") // figures are for one processor
	began := time.Now()
	err := cmd.Run()
	took := time.Since(began)
	if e := new(exec.ExitError); errors.As(err, &e) && e.ExitCode() > 0 && e.ExitCode() <= 2 {
		err = nil
	}
	return took, err
}

// copies of each of the rules' examples are looked at.
const copies = 10

// scripts compares with shellcheck, which has far more rules, in a language that
// is not ours.
func (b *bench) scripts() error {
	dir := filepath.Join(b.dir, "init.d")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	archives, err := filepath.Glob("lint/testdata/*.txtar")
	if err != nil {
		return err
	}
	var all []string
	for _, name := range archives {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			return err
		}
		for _, f := range archive.Files {
			for range copies {
				script := filepath.Join(dir, fmt.Sprintf("s%05d", len(all)))
				if err := os.WriteFile(script, f.Data, 0o644); err != nil {
					return err
				}
				all = append(all, script)
			}
		}
	}
	ours, theirs, err := b.pairs(
		func() (time.Duration, error) { return b.found(b.program, "lint", dir) },
		func() (time.Duration, error) {
			return b.found("shellcheck", append([]string{"-s", "sh"}, all[:len(all)/copies]...)...)
		})
	if err != nil {
		return err
	}
	for i := range ours {
		ours[i], theirs[i] = ours[i]/time.Duration(len(all)), theirs[i]*copies/time.Duration(len(all))
	}
	b.add("guestrc lint, for each short script", "≤ 2", ours)
	b.add("shellcheck -s sh, for each of the same", "", theirs)
	return nil
}
