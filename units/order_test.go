package units

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPlaceInTheOrderIsReadAsSystemdDoes(t *testing.T) {
	for text, want := range map[string]place{
		"": {},
		"[Unit]\nAfter=a.service b.service\nBefore=c.target\n After = d.service\nDefaultDependencies=no\n": {
			after: []string{"a.service", "b.service", "d.service"}, before: []string{"c.target"}, alone: true},
		"[Unit]\nAfter=a.service \\\n# After=no.service\n; nor this\n  b.service\nBefore=c.target": {after: []string{"a.service", "b.service"}, before: []string{"c.target"}},
		"[Unit]\r\nAfter=a.service\r\n":                                       {after: []string{"a.service"}},
		"After=a.service\n[Service]\nAfter=b.service\nDefaultDependencies=no": {},
		"[Unit]\nDefaultDependencies=no\nDefaultDependencies=yes\n":           {},
		"[Unit]\n#After=a.service \\\nBefore=b.service\nAfter=c.service\\":    {before: []string{"b.service"}},
	} {
		if diff := cmp.Diff(want, parsePlace(text), cmp.AllowUnexported(place{})); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func FuzzParsePlace(f *testing.F) {
	for _, text := range []string{"[Unit]\nAfter=a b\\\nc\n", "[Unit]\nDefaultDependencies=0\n[", "[Unit]\n=\\\n;\n", "\\"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, unit := range append(parsePlace(text).after, parsePlace(text).before...) {
			if unit == "" {
				t.Errorf("%q names a unit without a name", text)
			}
		}
	})
}

// A bridge goes before network.target: what comes after that cannot go before it.
func TestBeforeNetwork(t *testing.T) {
	dir := "usr/lib/systemd/system/"
	f := host(t, dir+"ssh.service\n[Unit]\nAfter=network.target auditd.service\n", dir+"cron.service",
		dir+"nftables.service\n[Unit]\nDefaultDependencies=no\nBefore=network-pre.target\n",
		dir+"NetworkManager.service\n[Unit]\nAfter=network-pre.target\nBefore=network.target\n",
		dir+"waits.service\n[Unit]\nDefaultDependencies=no\nAfter=network-online.target\n",
		dir+"fix@.service\n[Unit]\nDefaultDependencies=no\n", dir+"remote-fs.target\n[Unit]\nAfter=remote-fs-pre.target\n")
	for unit, want := range map[string]bool{
		"ssh.service": false, "cron.service": false, "waits.service": false, "absent.service": false,
		"nftables.service": true, "NetworkManager.service": true, "fix@one.service": true,
		"network.target": false, "network-online.target": false, "remote-fs.target": false, "nss-lookup.target": false,
		"local-fs.target": true, "network-pre.target": true, "sys-subsystem-net-devices-eth0.device": true,
		Name("net", "br1"): true, Name("qemu", "fw"): true, Name("other", "x"): false,
	} {
		if got := f.BeforeNetwork(unit); got != want {
			t.Errorf("%s: %t", unit, got)
		}
	}
}
