package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// entry is a line of /proc/PID/cgroup, cgroups(7).
type entry struct {
	controllers []string // none for version 2; "name=systemd" for a named hierarchy
	path        string
}

// parseEntry reads "ID:CONTROLLERS:PATH". The path is the guest's choice, but
// for newlines, which the kernel does not allow in it.
func parseEntry(line string) (entry, error) {
	fields := strings.SplitN(line, ":", 3)
	if len(fields) != 3 || !strings.HasPrefix(fields[2], "/") {
		return entry{}, errors.New("not in the form of cgroups(7)")
	}
	if _, err := strconv.ParseUint(fields[0], 10, 32); err != nil {
		return entry{}, errors.New("no hierarchy has that number")
	}
	e := entry{path: fields[2]}
	if fields[1] != "" {
		e.controllers = strings.Split(fields[1], ",")
	}
	return e, nil
}

// entries reads a file that the kernel bounds: PATH_MAX for each hierarchy.
func entries(pid int) (all []entry, err error) {
	name := fmt.Sprintf("/proc/%d/cgroup", pid)
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		e, err := parseEntry(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, fmt.Errorf("%s:%d:1: %w", name, len(all)+1, err)
		}
		all = append(all, e)
	}
	return all, nil
}

// Of returns the groups of a process. Those that no mount of ours reaches are
// left out, and those that were removed under it. The caller holds the process
// by its pidfd and looks afterwards whether it has ended.
func Of(pid int) ([]Group, error) {
	groups, err := find(pid, func(path string) []string { return []string{path} })
	if err != nil {
		return nil, fmt.Errorf("cannot find the control groups of process %d: %w", pid, err)
	}
	return groups, nil
}

// Named returns the groups of these names that exist where LXC makes them
// (src/lxc/cgroups/cgfsng.c): at the top, below the group of PID 1 (for
// systemd's init.scope the one above it), or below our own, for
// lxc.cgroup.relative.
func Named(names ...string) (groups []Group, err error) {
	for _, name := range names {
		if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00\n") {
			return nil, fmt.Errorf("cannot look for control groups: %q is not the name of one", name)
		}
	}
	for _, pid := range []int{1, os.Getpid()} {
		found, err := find(pid, func(own string) (paths []string) {
			for _, name := range names {
				paths = append(paths, "/"+name, path.Join(own, name), path.Join(strings.TrimSuffix(own, "init.scope"), name))
			}
			return paths
		})
		if err != nil {
			return nil, fmt.Errorf("cannot look for control groups: %w", err)
		}
		groups = append(groups, found...)
	}
	slices.SortStableFunc(groups, func(a, b Group) int { return strings.Compare(a.Dir, b.Dir) })
	return slices.CompactFunc(groups, func(a, b Group) bool { return a.Dir == b.Dir }), nil
}

// find gives the existing groups at the places that near names for the path of
// the process in each hierarchy.
func find(pid int, near func(path string) []string) (groups []Group, err error) {
	member, err := entries(pid)
	if err != nil {
		return nil, err
	}
	mounted, err := mounts()
	if err != nil {
		return nil, err
	}
	for _, e := range member {
		for _, at := range slices.Compact(slices.Sorted(slices.Values(near(e.path)))) {
			for _, m := range mounted {
				if g, ok := m.group(e, at); ok {
					groups = append(groups, g)
					break
				}
			}
		}
	}
	return groups, nil
}

// group is the existing group at a path of the entry's hierarchy.
func (m mount) group(e entry, at string) (Group, bool) {
	if !m.holds(e) {
		return Group{}, false
	}
	dir, ok := m.place(at)
	if !ok || path.Clean(at) != at { // "/..": outside of our cgroup namespace
		return Group{}, false
	}
	if _, err := os.Lstat(dir); err != nil {
		return Group{}, false // most places have none, and open takes a step for each directory
	}
	n, err := open(dir)
	if err != nil || n.version != m.version { // it may lie under another mount
		return Group{}, false
	}
	n.close()
	g := Group{Dir: dir, Version: m.version, Path: at, Controllers: e.controllers}
	switch {
	case m.version == 2:
		text, _ := os.ReadFile(m.dir + "/cgroup.controllers") // in every group; without it there are none
		g.Controllers = strings.Fields(string(text))
	case strings.HasPrefix(e.controllers[0], "name="):
		g.Controllers = nil
	}
	return g, true
}
