package cgroup

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// mount is one of cgroupfs, from proc_pid_mountinfo(5).
type mount struct {
	root    string   // the group that is mounted, as our cgroup namespace names it
	dir     string   // where it is
	version int      // 1 or 2
	options []string // of the super block; with version 1 they tell the hierarchy
}

var errMount = errors.New("not in the form of proc_pid_mountinfo(5)")

// parseMount reads a line; ok is false for another file system.
func parseMount(line string) (m mount, ok bool, err error) {
	before, after, found := strings.Cut(line, " - ")
	head, tail := strings.Fields(before), strings.Fields(after)
	if !found || len(head) < 6 || len(tail) < 2 {
		return mount{}, false, errMount
	}
	version, ok := map[string]int{"cgroup": 1, "cgroup2": 2}[tail[0]]
	if !ok {
		return mount{}, false, nil
	}
	m = mount{root: unescape(head[3]), dir: unescape(head[4]), version: version}
	if len(tail) > 2 {
		m.options = strings.Split(tail[2], ",")
	}
	if !strings.HasPrefix(m.root, "/") || !strings.HasPrefix(m.dir, "/") {
		return mount{}, false, errMount
	}
	return m, true, nil
}

// unescape undoes what the kernel does to space, tab, newline, # and backslash
// (fs/proc_namespace.c, mangle): a backslash and three octal digits.
func unescape(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) {
			if n, err := strconv.ParseUint(text[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

func mounts() (all []mount, err error) {
	const name = "/proc/self/mountinfo"
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		m, ok, err := parseMount(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, fmt.Errorf("%s:%d:1: %w", name, number, err)
		}
		if ok {
			all = append(all, m)
		}
	}
	return all, nil
}

// holds reports whether the mount is one of the entry's hierarchy.
func (m mount) holds(e entry) bool {
	if len(e.controllers) == 0 {
		return m.version == 2
	}
	return m.version == 1 && slices.Contains(m.options, e.controllers[0])
}

// place gives the directory of a group of the hierarchy; ok is false when the
// mount does not reach it.
func (m mount) place(group string) (dir string, ok bool) {
	rest, ok := strings.CutPrefix(group, strings.TrimSuffix(m.root, "/"))
	if !ok || rest != "" && rest[0] != '/' {
		return "", false
	}
	return strings.TrimSuffix(m.dir+rest, "/"), true
}
