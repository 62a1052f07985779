package pidfile

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestBootID(t *testing.T) {
	id, err := BootID()
	ok(t, err)
	if !regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(id) {
		t.Errorf("%q", id)
	}
}

func TestReadProcLimit(t *testing.T) {
	path := t.TempDir() + "/x"
	ok(t, os.WriteFile(path, []byte(strings.Repeat("x", 10_000)), 0o600))
	for _, limit := range []int{0, 1, 1023, 1024, 1025, 9999, 10_000, 20_000} {
		got, err := readProc(path, limit)
		ok(t, err)
		if len(got) != min(limit, 10_000) {
			t.Errorf("limit %d: %d bytes", limit, len(got))
		}
	}
	if _, err := readProc(t.TempDir(), 10); err == nil {
		t.Error("read a directory")
	}
	if _, err := readProc(path+"x", 10); !vanished(err) {
		t.Errorf("absent: %v", err)
	}
}

func TestOfNoProcess(t *testing.T) {
	if text, dev, ino := exeOf(maxPid); text != "" || dev != 0 || ino != 0 {
		t.Error("it has an executable:", text)
	}
	if cgroup := cgroupOf(maxPid); cgroup != "" {
		t.Error("it has a cgroup:", cgroup)
	}
	if holdsLock(maxPid, fileID{}) {
		t.Error("it holds a lock")
	}
}

func TestCgroupOf(t *testing.T) {
	raw, err := os.ReadFile("/proc/self/cgroup")
	ok(t, err)
	got := cgroupOf(os.Getpid())
	if got == "" || !strings.Contains(string(raw), ":"+got+"\n") {
		t.Errorf("%q is not in\n%s", got, raw)
	}
	if strings.Contains("\n"+string(raw), "\n0::") && !strings.Contains("\n"+string(raw), "\n0::"+got+"\n") {
		t.Errorf("%q is not the one of the unified hierarchy", got)
	}
}

func TestParseStat(t *testing.T) {
	tail := " S 7 10 10 0 -1 4194560 1 0 0 0 3 4 5 6 20 0 1 0 163760 1 9 18446744073709551615 0 0 0 0 0 0 0 0 0 1 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 15"
	for name, head := range map[string]string{
		"plain":           "12 (sleep)",
		"parentheses":     "12 (a) R 1 (b)",
		"newline":         "12 (a\n)",
		"empty":           "12 ()",
		"looks like stat": "12 () Z 1 1 1 1)",
	} {
		got, err := parseStat([]byte(head + tail + "\n"))
		want := stat{pid: 12, state: 'S', ppid: 7, flags: 4194560, cpu: 7, waits: 11, start: 163760, pages: 9, exit: 15}
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for _, bad := range []string{"", "12", "12 (", ")(", "12 )sleep(" + tail, "12 (sleep)", "12 (sleep) S 7",
		"x (sleep)" + tail, "12 (sleep)" + strings.Replace(tail, "163760", "x", 1), "12 (sleep)" + strings.Replace(tail, "S", "SS", 1)} {
		if got, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q: %+v", bad, got)
		}
	}
}

// A process chooses its own name; it must not move the fields behind it.
func TestStatOfHostileName(t *testing.T) {
	c := spawn(t, "wait")
	ok(t, os.WriteFile("/proc/self/comm", []byte("x) Z 1 (\n"), 0))
	defer os.WriteFile("/proc/self/comm", []byte("pidfile.test"), 0)
	self, err := readStat(os.Getpid())
	ok(t, err)
	child, err := readStat(c.pid)
	ok(t, err)
	if self.pid != os.Getpid() || self.ppid != os.Getppid() || child.ppid != self.pid {
		t.Errorf("%+v", self)
	}
}
