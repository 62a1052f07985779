package qemu

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/confd"
)

// HugePages is what a hugetlbfs can give.
type HugePages struct {
	Page uint64 // size of one, in bytes; 0: it is no hugetlbfs
	Free uint64 // how many nobody has, and nobody was promised
}

// HugePages asks the file system for its size of pages, and the kernel for
// their number (Documentation/admin-guide/mm/hugetlbpage.rst).
func (osHost) HugePages(path string) (HugePages, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return HugePages{}, &os.PathError{Op: "statfs", Path: path, Err: err}
	}
	if uint32(st.Type) != unix.HUGETLBFS_MAGIC {
		return HugePages{}, nil
	}
	size := uint64(st.Bsize)
	pool := filepath.Join("/sys/kernel/mm/hugepages", "hugepages-"+strconv.FormatUint(size>>10, 10)+"kB")
	var counts [4]uint64
	for n, name := range []string{"free_hugepages", "resv_hugepages", "nr_overcommit_hugepages", "surplus_hugepages"} {
		text, err := os.ReadFile(filepath.Join(pool, name))
		if err == nil {
			counts[n], err = strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
		}
		if err != nil {
			return HugePages{}, fmt.Errorf("cannot count huge pages: %w", err)
		}
	}
	return HugePages{Page: size, Free: freePages(counts, st.Blocks, st.Bavail)}, nil
}

// freePages: counts are of pages free, promised, that may be made at need, and
// made so; room is a mount's own limit, and left what is left of it. A mount with
// min_size= has a promise of its own, so that there others' cannot be told.
func freePages(counts [4]uint64, room, left uint64) uint64 {
	const none = 1 << 63 // a mount with min_size= alone says -1 (fs/hugetlbfs/inode.c)
	free, promised, more, made := counts[0], counts[1], counts[2], counts[3]
	more -= min(more, made)
	switch {
	case room == 0:
		return free - min(free, promised) + more
	case room < none:
		return min(free+more, left)
	}
	return free + more
}

// QuietCPUs reads which CPUs the kernel or the init system keeps free of other
// work: isolcpus= and nohz_full= of the kernel command line, isolated cpusets,
// and what process 1, from which all others inherit, may not use.
func (osHost) QuietCPUs(online []int) ([]int, error) {
	var quiet []int
	const cpu = "/sys/devices/system/cpu/"
	for _, file := range []string{cpu + "isolated", cpu + "nohz_full", "/sys/fs/cgroup/cpuset.cpus.isolated"} {
		text, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		quiet = append(quiet, cpuList(string(text))...)
	}
	status, err := os.ReadFile("/proc/1/status")
	if err != nil {
		return nil, err
	}
	if used := allowedCPUs(string(status)); len(used) > 0 {
		quiet = append(quiet, slices.DeleteFunc(slices.Clone(online), func(n int) bool { return slices.Contains(used, n) })...)
	}
	slices.Sort(quiet)
	return slices.Compact(quiet), nil
}

// cpuList reads one of the kernel's lists; one of none is empty, or "(null)".
func cpuList(text string) []int {
	cpus, err := confd.ParseCPUs(confd.Value{Text: strings.TrimSpace(text)})
	if err != nil {
		return nil
	}
	return cpus
}

// allowedCPUs reads a process's status (proc_pid_status(5)).
func allowedCPUs(status string) []int {
	for line := range strings.Lines(status) {
		if list, ok := strings.CutPrefix(line, "Cpus_allowed_list:"); ok {
			return cpuList(list)
		}
	}
	return nil
}
