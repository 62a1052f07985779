package cgroup

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

// spender has used processor time and 16 MiB of memory once it says so, and
// keeps the memory.
const spender = `x=$(head -c 16777216 /dev/zero | tr '\0' x); echo spent; read end; : "$x"`

const spentMemory = 16 << 20

// counting are the hierarchies that count something, of those that are mounted.
func counting(t *testing.T) (groups []Group) {
	t.Helper()
	mounted, err := mounts()
	if err != nil {
		t.Fatal(err)
	}
	for _, controller := range []string{"cpuacct", "memory", "pids", "blkio"} {
		for _, m := range mounted {
			if m.version == 1 && m.holds(entry{controllers: []string{controller}}) {
				groups = append(groups, newGroup(t, controller))
				break
			}
		}
	}
	return append(groups, newGroup(t, ""))
}

// A group's usage is told with what its controllers count, and without any: the
// freezer counts nothing, and a new group of version 2 has the controllers that
// the one above it has turned on.
func TestUsageOfGroups(t *testing.T) {
	for name, groups := range map[string][]Group{
		"counted": counting(t),
		"summed":  {newGroup(t, "freezer")},
		"unified": {newGroup(t, "")},
	} {
		t.Run(name, func(t *testing.T) {
			before, err := Measure(groups)
			if err != nil || before.Memory >= spentMemory || before.Procs != 0 {
				t.Errorf("empty: %+v, %v", before, err)
			}
			c := newChild(t, spender, groups...)
			c.r.SetReadDeadline(time.Now().Add(time.Minute))
			if line, err := c.out.ReadString('\n'); line != "spent\n" {
				t.Fatal(line, err)
			}
			u, err := Measure(groups)
			if err != nil || u.CPU <= 0 || u.CPU > time.Minute || u.Memory < spentMemory || u.Memory > 16*spentMemory || u.Procs != 1 {
				t.Errorf("%+v, %v", u, err)
			}
		})
	}
}

// The limit is told of a group that has one.
func TestLimit(t *testing.T) {
	g := newGroup(t, "memory")
	if u, err := Measure([]Group{g}); err != nil || u.Limit != 0 {
		t.Errorf("without one: %+v, %v", u, err)
	}
	if err := os.WriteFile(g.Dir+"/memory.limit_in_bytes", []byte("67108864"), 0); err != nil {
		t.Fatal(err)
	}
	if u, err := Measure([]Group{g}); err != nil || u.Limit != 64<<20 {
		t.Errorf("%+v, %v", u, err)
	}
}

func TestOfAbsentGroupsNothingIsMeasured(t *testing.T) {
	if u, err := Measure([]Group{{Dir: top(t, "") + "/gr-cgroup-absent"}}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%+v, %v", u, err)
	}
	if u, err := Measure(nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%+v, %v", u, err)
	}
	if u, err := Measure([]Group{{Dir: t.TempDir()}}); err == nil || errors.Is(err, os.ErrNotExist) {
		t.Errorf("what is no group: %+v, %v", u, err)
	}
}

func TestNumbersAreFound(t *testing.T) {
	for _, tt := range []struct {
		text, key string
		want      uint64
	}{
		{"12", "", 12}, {"max", "", 0}, {"", "", 0}, {"-1", "", 0},
		{"a 1\nusage_usec 7\nuser_usec 3\n", "usage_usec", 7},
		{"inactive_file_x 1\ntotal_inactive_file 2\ninactive_file 3", "inactive_file", 3},
		{"a b", "a", 0}, {"a", "a", 0},
	} {
		if got := number(tt.text, tt.key); got != tt.want {
			t.Errorf("%q of %q: %d, want %d", tt.key, tt.text, got, tt.want)
		}
	}
}

func TestTransfersAreParsed(t *testing.T) {
	type transfer struct {
		Device        string
		Read, Written uint64
	}
	stat := func(line string) (t transfer) { t.Device, t.Read, t.Written = parseStat(line); return t }
	service := func(line string) (t transfer) { t.Device, t.Read, t.Written = parseService(line); return t }
	for _, tt := range []struct {
		parse func(string) transfer
		line  string
		want  transfer
	}{
		{stat, "8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0", transfer{"8:16", 1459200, 314773504}},
		{stat, "8:0", transfer{"8:0", 0, 0}},
		{stat, "", transfer{}},
		{stat, "8:0 rbytes wbytes=x", transfer{"8:0", 0, 0}},
		{service, "8:0 Read 7", transfer{"8:0", 7, 0}},
		{service, "8:0 Write 8", transfer{"8:0", 0, 8}},
		{service, "8:0 Sync 9", transfer{"8:0", 0, 0}},
		{service, "Total 9", transfer{}},
		{service, "8:0 Read x", transfer{"8:0", 0, 0}},
	} {
		if diff := cmp.Diff(tt.want, tt.parse(tt.line)); diff != "" {
			t.Errorf("%q: %s", tt.line, diff)
		}
	}
}

// Whatever the kernel of tomorrow writes, it is passed over.
func FuzzUsageFiles(f *testing.F) {
	f.Add("8:16 rbytes=1 wbytes=2", "rbytes")
	f.Add("8:0 Read 7", "")
	f.Add("inactive_file 3\n", "inactive_file")
	f.Add("= = =", " ")
	f.Fuzz(func(t *testing.T, text, key string) {
		if got := number(key+" 7\n"+text, key); key != "" && !strings.ContainsFunc(key, unicode.IsSpace) && got != 7 {
			t.Errorf("%q in %q: %d", key, text, got)
		}
		number(text, key)
		parseStat(text)
		parseService(text)
	})
}
