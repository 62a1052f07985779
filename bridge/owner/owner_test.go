package owner

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// host makes a root with the files; a text that begins with "-> " is a link.
func host(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for _, path := range slices.Sorted(maps.Keys(files)) {
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, ok := strings.CutPrefix(files[path], "-> "); ok {
			err = os.Symlink(target, full)
		} else {
			err = os.WriteFile(full, []byte(files[path]), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

const (
	networkdUnit = "/usr/lib/systemd/system/systemd-networkd.service"
	lxcNetUnit   = "/lib/systemd/system/lxc-net.service"
	ifup         = "/sbin/ifup"
	netplan      = "/usr/sbin/netplan"
)

func TestOwners(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  []Owner
	}{
		"nobody":           {nil, nil},
		"ours":             {map[string]string{"/etc/init.d/net.br0": "-> guestrc"}, nil},
		"ours, absolute":   {map[string]string{"/etc/init.d/net.br0": "-> /etc/init.d/guestrc"}, nil},
		"netifrc":          {map[string]string{"/etc/init.d/net.br0": "-> net.lo"}, []Owner{{Tool: "netifrc", File: "/etc/init.d/net.br0"}}},
		"netifrc, else":    {map[string]string{"/etc/init.d/net.br1": "-> net.lo"}, nil},
		"netifrc, far":     {map[string]string{"/etc/init.d/net.br0": "-> /etc/init.d/net.lo"}, []Owner{{Tool: "netifrc", File: "/etc/init.d/net.br0"}}},
		"a script":         {map[string]string{"/etc/init.d/net.br0": "#!/sbin/openrc-run\n"}, []Owner{{Tool: "a script", File: "/etc/init.d/net.br0"}}},
		"a link elsewhere": {map[string]string{"/etc/init.d/net.br0": "-> my-bridge"}, []Owner{{Tool: "a script", File: "/etc/init.d/net.br0"}}},
		"netifrc's unit": {map[string]string{"/etc/systemd/system/multi-user.target.wants/net@br0.service": "-> /usr/lib/systemd/system/net@.service"},
			[]Owner{{"netifrc", "/etc/systemd/system/multi-user.target.wants/net@br0.service", 0, "net@br0.service"}}},

		"ifupdown": {map[string]string{ifup: "-> /bin/busybox", "/etc/network/interfaces": "# iface br0\nauto lo\n\niface  br0 inet static\n  bridge_ports eth0\n"},
			[]Owner{{"ifupdown", "/etc/network/interfaces", 4, ""}}},
		"ifupdown with systemd": {map[string]string{"/etc/network/interfaces": "auto lo \\\n br0\n", "/lib/systemd/system/networking.service": ""},
			[]Owner{{"ifupdown", "/etc/network/interfaces", 1, "networking.service"}}},
		"ifupdown, sources": {map[string]string{ifup: "", "/etc/network/interfaces": "source interfaces.d/*.conf\n", "/etc/network/interfaces.d/a": "auto br0\n",
			"/etc/network/interfaces.d/b.conf": "source /etc/network/c\n", "/etc/network/c": "source-directory d\n", "/etc/network/d/x.bak": "auto br0\n", "/etc/network/d/x": "\nallow-hotplug br0\n"},
			[]Owner{{"ifupdown", "/etc/network/d/x", 2, ""}}},
		"ifupdown, a circle":     {map[string]string{ifup: "", "/etc/network/interfaces": "source interfaces\nsource /etc/network/../network/interfaces\n"}, nil},
		"ifupdown, another name": {map[string]string{ifup: "", "/etc/network/interfaces": "auto br01\niface br inet manual\nbridge_ports br0\n"}, nil},
		"ifupdown is not there":  {map[string]string{"/etc/network/interfaces": "auto br0\n"}, nil},

		"networkd makes it": {map[string]string{networkdUnit: "", "/etc/systemd/network/br.netdev": "[Match]\nName=br0\n[NetDev]\n# x\nName = br0\nKind=bridge\n"},
			[]Owner{{"systemd-networkd", "/etc/systemd/network/br.netdev", 5, "systemd-networkd.service"}}},
		"networkd configures it": {map[string]string{networkdUnit: "", "/run/systemd/network/br.network": "[Match]\nName=eth0 br*\n[Network]\nDHCP=yes\n"},
			[]Owner{{"systemd-networkd", "/run/systemd/network/br.network", 2, "systemd-networkd.service"}}},
		"networkd is not there": {map[string]string{"/etc/systemd/network/br.netdev": "[NetDev]\nName=br0\n"}, nil},
		"networkd, hidden":      {map[string]string{networkdUnit: "", "/usr/lib/systemd/network/br.netdev": "[NetDev]\nName=br0\n", "/etc/systemd/network/br.netdev": "-> /dev/null"}, nil},
		"networkd leaves it alone": {map[string]string{networkdUnit: "", "/etc/systemd/network/10.network": "[Match]\nName=br0\n[Link]\nUnmanaged=yes\n",
			"/etc/systemd/network/20.network": "[Match]\nName=br*\n[Network]\nDHCP=yes\n"}, nil},
		"networkd, what is no bridge": {map[string]string{networkdUnit: "", "/usr/lib/systemd/network/80-vb.network": "[Match]\nName=br*\nDriver=veth\n[Network]\nDHCP=yes\n",
			"/usr/lib/systemd/network/89.network": "[Match]\nType=ether\n[Network]\nDHCP=yes\n", "/usr/lib/systemd/network/90.network": "[Match]\nName=!br0 br1\n[Network]\nDHCP=yes\n"}, nil},

		"NetworkManager": {map[string]string{"/etc/NetworkManager/system-connections/Bridge one.nmconnection": "[connection]\nid=x\ntype=bridge\ninterface-name=br0\n",
			"/usr/lib/systemd/system/NetworkManager.service": ""},
			[]Owner{{"NetworkManager", "/etc/NetworkManager/system-connections/Bridge one.nmconnection", 4, "NetworkManager.service"}}},
		"NetworkManager under OpenRC": {map[string]string{"/etc/NetworkManager/system-connections/x": "[connection]\ntype=bridge\ninterface-name=br0\n", "/usr/bin/NetworkManager": ""},
			[]Owner{{"NetworkManager", "/etc/NetworkManager/system-connections/x", 3, ""}}},
		"NetworkManager is not there": {map[string]string{"/etc/NetworkManager/system-connections/x": "[connection]\ntype=bridge\ninterface-name=br0\n", "/usr/bin/nmcli": ""}, nil},
		"NetworkManager, a card":      {map[string]string{"/usr/sbin/NetworkManager": "", "/etc/NetworkManager/system-connections/x": "[connection]\ntype=ethernet\ninterface-name=br0\n"}, nil},

		"netplan": {map[string]string{netplan: "", "/etc/netplan/01.yaml": "network:\n  version: 2\n  ethernets:\n    br0: {}\n  # bridges:\n  bridges:\n    br1:\n      br0: no\n    \"br0\":\n      interfaces: [eth0]\n", networkdUnit: ""},
			[]Owner{{"netplan", "/etc/netplan/01.yaml", 9, "systemd-networkd.service"}}},
		"netplan, in a line":    {map[string]string{"/lib/systemd/system-generators/netplan": "-> ../../netplan/generate", "/etc/netplan/01.yaml": "network:\n  bridges: {br1: {}, br0: {}}\n"}, []Owner{{"netplan", "/etc/netplan/01.yaml", 2, ""}}},
		"netplan is not there":  {map[string]string{networkdUnit: "", "/etc/netplan/01.yaml": "network:\n  bridges: {br0: {}}\n"}, nil},
		"netplan, a port of it": {map[string]string{netplan: "", "/etc/netplan/01.yaml": "network:\n  bridges:\n    br1:\n      interfaces: [br0]\n  vlans:\n    br0:\n      id: 1\n"}, nil},

		"libvirt": {map[string]string{"/etc/libvirt/qemu/networks/a.xml": "<!-- <bridge name='x'/> -->\n<network>\n  <forward mode='nat'/>\n  <bridge stp='on'\n name=\"br0\" delay='0'/>\n</network>\n",
			"/lib/systemd/system/libvirtd.service": ""}, []Owner{{"libvirt", "/etc/libvirt/qemu/networks/a.xml", 4, "libvirtd.service"}}},
		"libvirt under OpenRC":     {map[string]string{"/etc/libvirt/qemu/networks/a.xml": "<bridge name='br0'/>", "/usr/sbin/virtnetworkd": ""}, []Owner{{"libvirt", "/etc/libvirt/qemu/networks/a.xml", 1, ""}}},
		"libvirt is not there":     {map[string]string{"/etc/libvirt/qemu/networks/a.xml": "<bridge name='br0'/>", "/usr/bin/virsh": ""}, nil},
		"libvirt, somebody else's": {map[string]string{"/usr/sbin/libvirtd": "", "/etc/libvirt/qemu/networks/a.xml": "<network><forward mode='bridge'/><bridge name='br0'/></network>"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Of(host(t, c.files), "br0")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLXCsOwnBridge(t *testing.T) {
	for name, c := range map[string]struct {
		files  map[string]string
		bridge string
		want   []Owner
	}{
		"by default":    {map[string]string{lxcNetUnit: ""}, "lxcbr0", []Owner{{"lxc-net", lxcNetUnit, 0, "lxc-net.service"}}},
		"under OpenRC":  {map[string]string{"/etc/init.d/lxc-net": ""}, "lxcbr0", []Owner{{"lxc-net", "/etc/init.d/lxc-net", 0, ""}}},
		"another":       {map[string]string{lxcNetUnit: "", "/etc/default/lxc-net": "USE_LXC_BRIDGE=\"true\" # on\n#LXC_BRIDGE=x\nLXC_BRIDGE='br0'\n"}, "br0", []Owner{{"lxc-net", "/etc/default/lxc-net", 3, "lxc-net.service"}}},
		"off":           {map[string]string{lxcNetUnit: "", "/etc/default/lxc": "USE_LXC_BRIDGE=\"false\"  # overridden in lxc-net\n"}, "lxcbr0", nil},
		"not installed": {map[string]string{"/etc/default/lxc-net": "USE_LXC_BRIDGE=\"true\"\n"}, "lxcbr0", nil},
		"not this one":  {map[string]string{lxcNetUnit: ""}, "br0", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Of(host(t, c.files), c.bridge)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSeveralMayClaimIt(t *testing.T) {
	root := host(t, map[string]string{ifup: "", "/etc/init.d/net.br0": "-> net.lo", "/etc/network/interfaces": "auto br0\n"})
	got, err := Of(root, "br0")
	if err != nil || len(got) != 2 || got[0].Place() != "/etc/init.d/net.br0" || got[1].Place() != "/etc/network/interfaces:1" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestOddFilesDoNotHoldItUp(t *testing.T) {
	root := host(t, map[string]string{
		ifup: "", netplan: "", "/sbin/libvirtd": "", "/sbin/NetworkManager": "",
		"/etc/netplan/a.yaml/b": "", "/etc/NetworkManager/system-connections/x": "\x00\xff[\n=\n[connection", networkdUnit: "",
		"/etc/systemd/network/a.netdev": "-> a.netdev", "/etc/libvirt/qemu/networks/a.xml": "<bridge <!-- ", "/etc/libvirt/qemu/networks/b.xml": "-> /dev/zero",
		"/etc/network/interfaces": "source /dev/zero\nsource [\nsource interfaces.d\nauto br0\n",
	})
	if err := os.MkdirAll(root+"/etc/network/interfaces.d", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(root+"/etc/systemd/network/b.netdev", 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan []Owner, 1)
	go func() {
		owners, _ := Of(root, "br0")
		done <- owners
	}()
	select {
	case got := <-done:
		if len(got) != 1 || got[0].Line != 4 {
			t.Errorf("%v, want line 4 of interfaces", got)
		}
	case <-time.After(30 * time.Second): // it takes milliseconds
		t.Fatal("it does not return")
	}
}

func TestAFileTooLargeIsToldAndTheOthersAreRead(t *testing.T) {
	root := host(t, map[string]string{ifup: "", "/etc/network/interfaces": strings.Repeat("#\n", maxFile), "/etc/init.d/net.br0": "-> net.lo"})
	got, err := Of(root, "br0")
	if len(got) != 1 || err == nil || !strings.Contains(err.Error(), "/etc/network/interfaces has more than") {
		t.Errorf("%v, %v", got, err)
	}
}

// FuzzReaders: lines that are named are there, whatever the text.
func FuzzReaders(f *testing.F) {
	for _, seed := range []string{"", "auto br0\n", "iface br0 \\\n inet\nsource x\nsource-directory y", "[NetDev]\nName=br0\n", "bridges:\n  br0:\n", "bridges: {br0: 1}", "<bridge name='br0'/>",
		"<!-- --><a b=\"c\"", "[a]\\\n=", "\\", "[", "=\n", "<", " \t:"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + 1
		inside := func(what string, line int) {
			if line < 0 || line > lines {
				t.Errorf("%s: line %d of %d", what, line, lines)
			}
		}
		line, _ := stanzas(text, "br0")
		inside("interfaces", line)
		settings := ini(text)
		for _, s := range settings {
			inside("ini", s.line)
		}
		line, _ = matches(settings, "br0")
		inside("match", line)
		configures(settings)
		inside("netplan", netplanBridge(text, "br0"))
		for offset, tag := range tags(text) {
			if !strings.HasPrefix(text[offset:], tag) {
				t.Errorf("tag %q is not at %d", tag, offset)
			}
			attribute(tag, "name")
		}
	})
}
