package qemu

import "testing"

func TestParseHostfwd(t *testing.T) {
	for rule, want := range map[string]struct {
		host  string
		guest int
	}{
		"tcp::2222-:22":                     {"tcp:0.0.0.0:2222", 22},
		":127.0.0.1:2222-:22":               {"tcp:127.0.0.1:2222", 22},
		"udp:127.0.0.1:5353-10.0.2.15:53":   {"udp:127.0.0.1:5353", 53},
		"tcp:[::1]:2222-[fec0::15]:22":      {"tcp:[::1]:2222", 22},
		"":                                  {},
		"tcp":                               {},
		"tcp::2222":                         {},
		"tcp::-:22":                         {},
		"tcp::x-:22":                        {},
		"tcp::2222-:":                       {},
		"tcp::2222-:ssh":                    {},
		"sctp::2222-:22":                    {},
		"unix:/run/guest.sock-10.0.2.15:22": {},
	} {
		host, guest, ok := parseHostfwd(rule)
		if ok != (want.host != "") || host != want.host || ok && guest != want.guest {
			t.Errorf("%q is %q, %d, %v, want %+v", rule, host, guest, ok, want)
		}
	}
}

func FuzzParseHostfwd(f *testing.F) {
	f.Add("tcp::2222-:22")
	f.Add("udp:[::1]:5353-10.0.2.15:53")
	f.Add("-")
	f.Fuzz(func(t *testing.T, rule string) {
		host, _, ok := parseHostfwd(rule)
		if proto, _, port := splitPort(host); ok && (proto != "tcp" && proto != "udp" || len(port) < 2) {
			t.Errorf("%q is %q", rule, host)
		}
	})
}

func TestSpawns(t *testing.T) {
	for arg, want := range map[string]bool{
		"bridge,id=n0": true, "tap": true, "user,id=n0,smb=/srv": true, "user,guestfwd=tcp:10.0.2.1:80-cmd:nc": true,
		"exec:gzip -dc x": true, "-netdev": false, "user,id=n0": false, "tapioca": false, "file=/srv/tap.img": false,
	} {
		if got := spawns(arg); got != want {
			t.Errorf("spawns(%q) = %v", arg, got)
		}
	}
}
