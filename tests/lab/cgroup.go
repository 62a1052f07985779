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

// cgroups makes one cgroup in each of the hierarchies, and removes them after
// the test. What a killed test left is removed first.
func cgroups(t T, in []hierarchy) (dirs []string) {
	t.Helper()
	// nspawn wants the same name in all of them. The number behind the process's
	// own tells its machines apart.
	name := ""
	for _, h := range in {
		sweep(h.own)
		var dir string
		var err error
		if name == "" {
			dir, err = os.MkdirTemp(h.own, fmt.Sprintf("%s%d-", cgroupPrefix, os.Getpid()))
			name = filepath.Base(dir)
		} else {
			dir = filepath.Join(h.own, name)
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

// hierarchy is one of cgroups(7), mounted.
type hierarchy struct {
	controllers string // as /proc/PID/cgroup has them; empty: cgroup2
	mount       string
	own         string // the directory of the cgroup that we are in
}

// forMachines leaves out cpu, where all of a machine together would get as much
// as one process of others, and cpuset, where a new cgroup is to be set up before
// anybody may be in it.
func (h hierarchy) forMachines() bool {
	names := strings.Split(h.controllers, ",")
	return !slices.Contains(names, "cpu") && !slices.Contains(names, "cpuset")
}

// mountArgs are for mount(8), to have it at the same place once more.
func (h hierarchy) mountArgs() string {
	switch {
	case h.controllers == "":
		return "cgroup2 rw " + h.mount
	case strings.HasPrefix(h.controllers, "name="):
		return "cgroup none," + h.controllers + " " + h.mount
	}
	return "cgroup " + h.controllers + " " + h.mount
}

// hierarchies returns those where a machine has a cgroup of its own. Without one,
// containers in the machine would make theirs beside the host's.
func hierarchies(t T) []hierarchy {
	t.Helper()
	all, err := mounted()
	all = slices.DeleteFunc(all, func(h hierarchy) bool { return !h.forMachines() })
	if err == nil && len(all) == 0 {
		err = errors.New("none is mounted")
	}
	if err != nil {
		t.Fatalf("cannot find the hierarchies of cgroups: %v", err)
	}
	return all
}

// mounted finds each hierarchy's mount, and where we are in it.
func mounted() (all []hierarchy, err error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	for entry := range bytes.Lines(own) {
		fields := strings.SplitN(strings.TrimSpace(string(entry)), ":", 3)
		if len(fields) != 3 {
			continue
		}
		if at := mountOf(string(mounts), fields[1]); at != "" {
			all = append(all, hierarchy{fields[1], at, filepath.Join(at, fields[2])})
		}
	}
	return all, nil
}

// mountOf finds the mount of a hierarchy in proc_pid_mountinfo(5).
func mountOf(mounts, controllers string) string {
	first, _, _ := strings.Cut(controllers, ",")
	for line := range strings.Lines(mounts) {
		before, after, _ := strings.Cut(line, " - ")
		mount, super := strings.Fields(before), strings.Fields(after)
		if len(mount) < 5 || len(super) < 3 {
			continue
		}
		if super[0] == "cgroup2" && first == "" || super[0] == "cgroup" && first != "" && slices.Contains(strings.Split(super[2], ","), first) {
			return mount[4]
		}
	}
	return ""
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
