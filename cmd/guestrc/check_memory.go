package main

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/check"
	"github.com/guestrc/guestrc/guest"
)

// memoryFor is what the host has, and what the hugetlbfs have that guests name.
func memoryFor(held []check.Held) check.Memory {
	m := check.Memory{Huge: map[string]uint64{}}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		m.Total = uint64(info.Totalram) * uint64(info.Unit)
	}
	for _, h := range held {
		for _, hold := range h.Holds {
			if hold.Sort == guest.HoldMemory && hold.Key != "" {
				if size, ok := hugePages(hold.Key); ok {
					m.Huge[hold.Key] = size
				}
			}
		}
	}
	return m
}

// hugePages is the size of all pages that a hugetlbfs can have: those of its pool,
// with what may be added when they are wanted, or fewer by its own limit
// (Documentation/admin-guide/mm/hugetlbpage.rst).
func hugePages(dir string) (uint64, bool) {
	var in unix.Statfs_t
	if unix.Statfs(dir, &in) != nil || in.Type != unix.HUGETLBFS_MAGIC {
		return 0, false
	}
	pages := uint64(0)
	for _, name := range []string{"nr_hugepages", "nr_overcommit_hugepages"} {
		text, err := os.ReadFile(fmt.Sprintf("/sys/kernel/mm/hugepages/hugepages-%dkB/%s", in.Bsize>>10, name))
		n, errNumber := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
		if err != nil || errNumber != nil {
			return 0, false
		}
		pages += n
	}
	if in.Blocks > 0 && in.Blocks < math.MaxInt64 {
		pages = min(pages, in.Blocks)
	}
	return pages * uint64(in.Bsize), true
}
