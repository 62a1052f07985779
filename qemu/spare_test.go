package qemu

import (
	"slices"
	"testing"
)

// TestFreePages: promised pages are not free; those that may be made at need are.
func TestFreePages(t *testing.T) {
	for _, c := range []struct {
		free, promised, more, made uint64
		room, left, want           uint64
	}{
		{free: 10, want: 10},
		{free: 10, promised: 4, want: 6},
		{free: 4, promised: 10, want: 0},
		{free: 10, promised: 4, more: 5, made: 2, want: 9},
		{more: 2, made: 5, want: 0},
		{free: 10, room: 8, left: 3, want: 3},
		{free: 2, room: 8, left: 8, want: 2},
		{free: 10, promised: 6, room: 1<<64 - 1, want: 10}, // of which it may be this mount that was promised some
	} {
		if got := freePages([4]uint64{c.free, c.promised, c.more, c.made}, c.room, c.left); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

// TestHugePagesElsewhere: what is no hugetlbfs has no pages, and what is missing
// is an error.
func TestHugePagesElsewhere(t *testing.T) {
	if huge, err := (osHost{}).HugePages(t.TempDir()); err != nil || huge.Page != 0 {
		t.Errorf("%+v, %v", huge, err)
	}
	if _, err := (osHost{}).HugePages("/none"); err == nil {
		t.Error("no error")
	}
}

func TestAllowedCPUs(t *testing.T) {
	for status, want := range map[string][]int{
		"Name:\tinit\nCpus_allowed:\tf\nCpus_allowed_list:\t0-1,3\nMems_allowed:\t1\n": {0, 1, 3},
		"Cpus_allowed_list:\t\n": nil, "": nil, "Cpus_allowed_list:\t(null)\n": nil,
	} {
		if got := allowedCPUs(status); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", status, got, want)
		}
	}
}

// TestQuietCPUs: on this machine, none but those that are online.
func TestQuietCPUs(t *testing.T) {
	host := osHost{}
	online, err := host.CPUs()
	if err != nil {
		t.Fatal(err)
	}
	quiet, err := host.QuietCPUs(online)
	if err != nil || len(quiet) > len(online) {
		t.Errorf("%v of %v, %v", quiet, online, err)
	}
}
