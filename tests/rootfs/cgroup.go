package rootfs

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The cgroups that LXC makes for a container, followed by its name; when there
// is one already, "-1" and so on comes behind it.
const (
	payload = "lxc.payload."
	monitor = "lxc.monitor."
)

// hierarchies are where cgroups are mounted: cgroups(7).
func hierarchies() (dirs []string, err error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Scan() {
		before, after, _ := strings.Cut(s.Text(), " - ")
		if fields := strings.Fields(before); len(fields) > 4 && strings.HasPrefix(after, "cgroup") && !slices.Contains(dirs, fields[4]) {
			dirs = append(dirs, fields[4])
		}
	}
	return dirs, s.Err()
}

// find returns the outermost cgroups whose name is wanted, in every hierarchy.
func find(wanted func(base string) bool) (dirs []string, err error) {
	tops, err := hierarchies()
	if err != nil {
		return nil, err
	}
	for _, top := range tops {
		err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil // somebody removed it meanwhile
			case err != nil:
				return err
			case !d.IsDir():
				return nil
			case wanted(d.Name()):
				dirs = append(dirs, path)
				return fs.SkipDir
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return dirs, nil
}

// of matches the cgroups of a container; prefixes are payload, monitor or both.
func of(name string, prefixes ...string) func(string) bool {
	return func(base string) bool {
		for _, p := range prefixes {
			rest, ok := strings.CutPrefix(base, p+name)
			if !ok {
				continue
			}
			number, numbered := strings.CutPrefix(rest, "-")
			if _, err := strconv.ParseUint(number, 10, 16); rest == "" || numbered && err == nil {
				return true
			}
		}
		return false
	}
}

// members lists the processes in cgroups and below them, each once.
func members(dirs []string) (pids []int, err error) {
	for _, top := range dirs {
		err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return unlessGone(err)
			}
			text, err := os.ReadFile(filepath.Join(path, "cgroup.procs"))
			for _, field := range strings.Fields(string(text)) {
				if pid, err := strconv.Atoi(field); err == nil && pid > 0 && !slices.Contains(pids, pid) {
					pids = append(pids, pid)
				}
			}
			return unlessGone(err)
		})
		if err != nil {
			return nil, err
		}
	}
	return pids, nil
}

// removeCgroup removes the innermost first; the files in a cgroup are not ours
// to remove.
func removeCgroup(top string) error {
	var dirs []string
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return unlessGone(err)
	})
	errs := []error{err}
	for _, d := range slices.Backward(dirs) {
		errs = append(errs, unlessGone(os.Remove(d)))
	}
	return errors.Join(errs...)
}

// unlessGone forgives what vanished while we looked: a removed cgroup says
// ENODEV to who has its file open.
func unlessGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNoDevice) {
		return nil
	}
	return err
}

// Left lists the cgroups and processes that there still are of the container.
func (c *Container) Left() ([]string, error) {
	dirs, err := find(of(c.Name, payload, monitor))
	if err != nil {
		return nil, err
	}
	left := slices.Clone(dirs)
	pids, err := members(dirs)
	for _, pid := range pids {
		left = append(left, fmt.Sprintf("process %d", pid))
	}
	return left, err
}
