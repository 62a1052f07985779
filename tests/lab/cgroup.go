package lab

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// cgroupPrefix is followed by the number of the process that made the cgroup.
const cgroupPrefix = "guestrc-lab-"

// cgroups makes one cgroup in each hierarchy where systemd keeps its own, and
// removes them after the test. What a killed test left is removed first.
func cgroups(t T) (dirs []string) {
	t.Helper()
	parents, err := systemdHierarchies()
	if err == nil && len(parents) == 0 {
		err = errors.New("none is mounted")
	}
	if err != nil {
		t.Fatalf("cannot find the cgroups of systemd: %v", err)
	}
	// nspawn wants the same name in all of them. The number behind the process's
	// own tells its machines apart.
	name := ""
	for _, parent := range parents {
		sweep(parent)
		var dir string
		if name == "" {
			dir, err = os.MkdirTemp(parent, fmt.Sprintf("%s%d-", cgroupPrefix, os.Getpid()))
			name = filepath.Base(dir)
		} else {
			dir = filepath.Join(parent, name)
			err = os.Mkdir(dir, 0o755)
		}
		if err != nil {
			t.Fatalf("cannot make a cgroup: %v", err)
		}
		t.Cleanup(func() {
			if err := removeCgroup(dir); err != nil {
				t.Errorf("cannot remove a cgroup: %v", err)
			}
		})
		dirs = append(dirs, dir)
	}
	return dirs
}

// systemdHierarchies are where we are in cgroup2 and in name=systemd, as far as
// they are mounted: cgroups(7).
func systemdHierarchies() (dirs []string, err error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(mounts) {
		before, after, _ := strings.Cut(string(line), " - ")
		mount, super := strings.Fields(before), strings.Fields(after)
		controller := ""
		switch {
		case len(mount) < 5 || len(super) < 3:
			continue
		case super[0] == "cgroup" && slices.Contains(strings.Split(super[2], ","), "name=systemd"):
			controller = "name=systemd"
		case super[0] != "cgroup2":
			continue
		}
		for entry := range bytes.Lines(own) {
			fields := strings.SplitN(strings.TrimSpace(string(entry)), ":", 3)
			if len(fields) == 3 && fields[1] == controller {
				dirs = append(dirs, filepath.Join(mount[4], fields[2]))
			}
		}
	}
	return dirs, nil
}

// sweep removes what processes left that are no more; it does what it can.
func sweep(parent string) {
	left, _ := filepath.Glob(filepath.Join(parent, cgroupPrefix+"*"))
	for _, dir := range left {
		pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), cgroupPrefix), "-")
		if _, err := strconv.Atoi(pid); err != nil {
			continue
		}
		if _, err := os.Stat("/proc/" + pid); errors.Is(err, fs.ErrNotExist) {
			_ = removeCgroup(dir) // another test may be at it too
		}
	}
}

// removeCgroup removes the innermost first; the files in a cgroup are not ours
// to remove.
func removeCgroup(dir string) error {
	var dirs []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return err
	})
	errs := []error{err}
	for _, d := range slices.Backward(dirs) {
		errs = append(errs, os.Remove(d))
	}
	return errors.Join(errs...)
}
