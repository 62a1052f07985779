package main

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/guest"
)

func TestATableFitsTheTerminal(t *testing.T) {
	columns := []column{{title: "NAME"}, {title: "N", right: true, spare: 1}, {title: "EMPTY", spare: 3}, {title: "TEXT", least: 6, spare: 2}}
	rows := [][]string{{"qemu.a", "1", "-", "something long"}, {"qemu.lönger", "20", "", "x"}}
	for _, c := range []struct {
		width int
		want  string
	}{
		{0, "NAME          N  EMPTY  TEXT\nqemu.a        1  -      something long\nqemu.lönger  20         x"},
		{100, "NAME          N  TEXT\nqemu.a        1  something long\nqemu.lönger  20  x"},
		{25, "NAME          N  TEXT\nqemu.a        1  somethi…\nqemu.lönger  20  x"},
		{22, "NAME          N\nqemu.a        1\nqemu.lönger  20"},
		{12, "NAME\nqemu.a\nqemu.lönger"},
		{5, "NAME\nqemu.a\nqemu.lönger"}, // whoever paints it cuts it
	} {
		if diff := gocmp.Diff(c.want, strings.Join(layOut(columns, rows, c.width), "\n")); diff != "" {
			t.Errorf("width %d (-want +got):\n%s", c.width, diff)
		}
	}
	wide := [][]string{{"qemu.a", "1", "-", "データベース"}, {"qemu.e\u0301", "20", "", "日本語版 9"}}
	for width, want := range map[int]string{
		0:  "NAME     N  EMPTY  TEXT\nqemu.a   1  -      データベース\nqemu.e\u0301  20         日本語版 9",
		22: "NAME     N  TEXT\nqemu.a   1  データベ…\nqemu.e\u0301  20  日本語版 9",
	} {
		if diff := gocmp.Diff(want, strings.Join(layOut(columns, wide, width), "\n")); diff != "" {
			t.Errorf("wide characters at width %d (-want +got):\n%s", width, diff)
		}
	}
	if got := layOut(columns, nil, 80); !slices.Equal(got, []string{"NAME  N  EMPTY  TEXT"}) {
		t.Errorf("%q", got)
	}
}

// No width makes the list of guests wider than the terminal, as long as the
// names and states have room.
func TestTheListIsNeverWiderThanTheTerminal(t *testing.T) {
	full := guest.Status{Guest: "qemu.database", State: guest.Running, PID: 4194304, StartedAt: someTime,
		Condition: &guest.Condition{State: guest.Running, Init: "systemd", OS: "Debian GNU/Linux 12 (bookworm)"},
		Usage:     &guest.Usage{Percent: 1234.5, Memory: 123 << 30}, Rung: "agent", Message: strings.Repeat("much to say ", 20)}
	for width := 25; width < 200; width++ {
		for _, line := range tableOf([]guest.Status{full, {Guest: "net.br0", State: guest.Stopped}}, width) {
			if n := utf8.RuneCountInString(line); n > width {
				t.Fatalf("%d characters in %d: %s", n, width, line)
			}
		}
	}
}

func TestNamesAreSortedAsPeopleCount(t *testing.T) {
	want := []string{"", "lxc.z", "net.br0", "qemu.a", "qemu.a.b", "qemu.a2", "qemu.a2b", "qemu.a010", "qemu.a10", "qemu.a10.x2", "qemu.a10.x10", "qemu.b", "qemu.b1-9", "qemu.b1-10"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, naturally)
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// FuzzNaturally wants an order: the same both ways round, and equal only what is
// the same.
func FuzzNaturally(f *testing.F) {
	f.Add("qemu.a2", "qemu.a10")
	f.Add("a01", "a1")
	f.Add("", "0")
	f.Fuzz(func(t *testing.T, a, b string) {
		one, two := naturally(a, b), naturally(b, a)
		if cmp.Compare(one, 0) != -cmp.Compare(two, 0) || (one == 0) != (a == b) {
			t.Errorf("%q and %q: %d and %d", a, b, one, two)
		}
	})
}

func TestSizesHaveThreeDigits(t *testing.T) {
	for bytes, want := range map[uint64]string{0: "0", 999: "999", 1000: "1.0K", 1024: "1.0K", 1536: "1.5K", 10 << 10: "10K", 999 << 10: "999K",
		1000 << 10: "1.0M", 35 << 20: "35M", 1023 << 20: "1.0G", 3 << 40: "3.0T", 1<<64 - 1: "16E"} {
		if got := size(bytes); got != want {
			t.Errorf("%d: %s, want %s", bytes, got, want)
		}
	}
}
