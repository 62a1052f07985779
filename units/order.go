package units

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// order is what the templates say of it, and what follows from that.
var order = map[string]struct{ after, before []string }{
	"lxc":  {after: append([]string{"lxcfs.service", "lxc-net.service"}, early...), before: []string{Target}},
	"qemu": {after: append([]string{"nss-user-lookup.target"}, early...), before: []string{Target}},
	"net": {
		after:  []string{"local-fs.target", "network-pre.target", "systemd-modules-load.service", "systemd-sysctl.service"},
		before: []string{"network.target", "network-online.target", "remote-fs.target", "nss-lookup.target"},
	},
}

// early goes before every guest; nfs-client.target goes before remote-fs-pre.target.
var early = []string{"network-pre.target", "network.target", "local-fs.target", "remote-fs-pre.target", "remote-fs.target", "nfs-client.target",
	"sysinit.target", "basic.target", "systemd-modules-load.service", "systemd-sysctl.service"}

// beforeNetwork are the targets that no network is needed for (bootup(7),
// systemd.special(7)).
var beforeNetwork = []string{"basic.target", "cryptsetup.target", "cryptsetup-pre.target", "local-fs.target", "local-fs-pre.target",
	"network-pre.target", "swap.target", "sysinit.target", "time-set.target"}

// BeforeNetwork tells whether a unit can go before the network is up, as far as
// its name and its own file say so: a service that says nothing of it waits for
// things that no bridge can wait for. A bridge or guest of ours can, too;
// Untangle sees what it waits for.
func (f *Files) BeforeNetwork(unit string) bool {
	if _, ours := kindOf(unit); ours || strings.HasSuffix(unit, ".device") || slices.Contains(beforeNetwork, unit) {
		return true
	}
	p := f.placeOf(unit)
	late := func(other string) bool { return slices.Contains(order["net"].before, other) }
	network := func(other string) bool { return other == "network.target" || other == "network-pre.target" }
	return !slices.ContainsFunc(p.after, late) && (p.alone || slices.ContainsFunc(p.before, network))
}

// place is what a unit's own file says of its place in the order.
type place struct {
	after, before []string
	alone         bool // DefaultDependencies=no
}

// placeOf reads the file of a unit. Where that cannot be read it says nothing,
// as drop-ins of other makers do here.
func (f *Files) placeOf(unit string) place {
	if p, ok := f.places.Load(unit); ok {
		return p.(place)
	}
	var p place
	if path, known := f.path(unit); known {
		text, err := os.ReadFile(filepath.Join(f.root, path))
		if err == nil {
			p = parsePlace(string(text))
		}
	}
	f.places.Store(unit, p)
	return p
}

// parsePlace reads a unit file (systemd.syntax(7)).
func parsePlace(text string) (p place) {
	section, joined := "", ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue // between the lines of one setting, too
		}
		if rest, more := strings.CutSuffix(line, `\`); more {
			joined += rest + " "
			continue
		}
		line, joined = joined+line, ""
		if strings.HasPrefix(line, "[") {
			section = line
		}
		if key, value, _ := strings.Cut(line, "="); section == "[Unit]" {
			p.set(strings.TrimSpace(key), strings.TrimSpace(value))
		}
	}
	return p
}

func (p *place) set(key, value string) {
	switch key {
	case "After":
		p.after = append(p.after, strings.Fields(value)...)
	case "Before":
		p.before = append(p.before, strings.Fields(value)...)
	case "DefaultDependencies":
		p.alone = slices.Contains([]string{"no", "n", "false", "f", "off", "0"}, strings.ToLower(value))
	}
}

// kindOf tells of which of our templates a unit is an instance.
func kindOf(unit string) (kind string, ours bool) {
	name, ours := guestOf(unit)
	kind, _, _ = strings.Cut(name, ".")
	_, known := order[kind]
	return kind, ours && known
}
