package confile

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLinesAreSplitAsLXCSplitsThem(t *testing.T) {
	const text = "\ufefflxc.uts.name = lost\r\n" +
		"# lxc.a = 1\r\n" +
		" \tlxc.b\t = \t'x \" y '  \r\n" +
		"lxc.c=a # b\rlxc.d = \"\n" +
		"\n\n  \t\n" +
		"lxc.e = \"\"\n" +
		"utsname = x\n" +
		"nothing at all\n" +
		"lxc.f = a=b \\"
	c, err := Parse("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := []Entry{
		{Key: "lxc.b", Written: "lxc.b", Value: `x " y `, Pos: place("f", 3, 3)},
		{Key: "lxc.c", Written: "lxc.c", Value: "a # b", Pos: place("f", 4, 1)},
		{Key: "lxc.d", Written: "lxc.d", Value: `"`, Pos: place("f", 4, 13)},
		{Key: "lxc.e", Written: "lxc.e", Pos: place("f", 8, 1)},
		{Key: "lxc.f", Written: "lxc.f", Value: `a=b \`, Pos: place("f", 11, 1)},
	}
	if diff := cmp.Diff(want, c.Entries); diff != "" {
		t.Error(diff)
	}
	wantIgnored := []Entry{
		{Written: "\ufefflxc.uts.name", Pos: place("f", 1, 1)},
		{Written: "utsname", Pos: place("f", 9, 1)},
		{Written: "nothing at all", Pos: place("f", 10, 1)},
	}
	if diff := cmp.Diff(wantIgnored, c.Ignored); diff != "" {
		t.Error(diff)
	}
}

func TestEveryFaultHasItsPlace(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"lxc.a=1\n lxc.b\nlxc.c\n", `f:2:2: a line that begins with "lxc." but has no "=";f:3:1: a line that begins with "lxc." but has no "="`},
		{"lxc.a = \x001\nlxc.b\n", "f:1:9: a NUL byte: LXC would not read what follows"},
		{"lxc.net = 1\n", "f:1:1: lxc.net takes no value: it takes back all that begins so"},
		{"lxc.net.1 = 1\n", "f:1:1: lxc.net.1 takes no value: it takes back all that begins so"},
		{"lxc.limit = 1\n", "f:1:1: lxc.limit takes no value: it takes back all that begins so"},
		{"lxc.rootfs.backend = x\n", "f:1:1: LXC never knew a storage of that name"},
		{"lxc.mount =\n", "f:1:1: lxc.mount needs a value: LXC refuses it without"},
	} {
		_, err := Parse("f", []byte(c.text))
		if err == nil || strings.ReplaceAll(err.Error(), "\n", ";") != c.want {
			t.Errorf("%q: %v, want %s", c.text, err, c.want)
			continue
		}
		var e *Error
		if !errors.As(err, &e) || e.HintText() == "" {
			t.Errorf("%q: no hint: %v", c.text, err)
		}
	}
}

func TestTheFirstFaultsAreEnough(t *testing.T) {
	_, err := Parse("f", []byte(strings.Repeat("lxc.\n", 1000)))
	if lines := strings.Split(err.Error(), "\n"); len(lines) != maxErrors || !strings.Contains(lines[maxErrors-1], "the last told") {
		t.Errorf("%d lines: %v", len(lines), err)
	}
}

func TestUnknownKeysAreFoundAndTheNearestIsNamed(t *testing.T) {
	for key, want := range map[string]string{
		"lxc.uts.nam": "lxc.uts.name", "lxc.utsnam": "lxc.uts.name", "lxc.mount.entries": "lxc.mount.entry", "lxc.haltsignl": "lxc.signal.halt",
		"lxc.net.0.hwadr": "lxc.net.0.hwaddr", "lxc.net.12.ipv6.adress": "lxc.net.12.ipv6.address", "lxc.net.0.ipv4": "",
		"lxc.net.0.veth.par": "lxc.net.0.veth.pair", "lxc.net.0": "known", "lxc.net": "known", "lxc.net.": "", "lxc.net.0.": "", "lxc.net.0x": "",
		"lxc.cgroups.cpu.shares": "lxc.cgroup.cpu.shares", "lxc.cgrup2.memory.max": "lxc.cgroup2.memory.max", "lxc.cgroup": "known", "lxc.cgroup.": "",
		"lxc.cgroup2.memory.max": "known", "lxc.sysctl.net.ipv4.ip_forward": "known", "lxc.proc.oom_score_adj": "known", "lxc.hook": "known",
		"lxc.namespace.share.net": "known", "lxc.namespace.share.nett": "lxc.namespace.share.net", "lxc.something.else.entirely": "", "lxc.": "",
		"lxc.net.99999999999.type": "", "lxc.net.2147483646.type": "known", "lxc.net.2147483647.type": "", "lxc.kms": "",
	} {
		value := "= 1\n"
		if clearsGroup(key) {
			value = "=\n"
		}
		unknown := parsed(t, key+value).Unknown()
		if (len(unknown) == 0) != (want == "known") {
			t.Errorf("%s: unknown: %+v", key, unknown)
		}
		if near, ok := Nearest(key); want != "" && want != "known" && (!ok || near != want) || want == "" && ok && near == key {
			t.Errorf("%s is near to %q, want %q", key, near, want)
		}
	}
}

func TestPosIsFileLineCol(t *testing.T) {
	for want, p := range map[string]Pos{"": {}, "f": {File: "f"}, "f:2": place("f", 2, 0), "f:2:3": place("f", 2, 3)} {
		if p.String() != want {
			t.Errorf("%q, want %q", p, want)
		}
	}
}
