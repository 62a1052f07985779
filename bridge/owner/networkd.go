package owner

import (
	"errors"
	"path"
	"slices"
	"strings"
)

// networkdDirs are those of systemd.network(5), the first one first.
func networkdDirs() []string {
	return []string{"/etc/systemd/network", "/run/systemd/network", "/usr/local/lib/systemd/network", "/usr/lib/systemd/network", "/lib/systemd/network"}
}

// networkd owns what it makes (.netdev), and what it gives addresses or routes
// (the first .network whose Name= matches). A .network without Name=, such as
// one for all Ethernet cards, says nothing of a bridge.
func (t tree) networkd(ifname string) (*Owner, error) {
	unit, _ := t.unit("systemd-networkd.service")
	if unit == "" {
		return nil, nil
	}
	claim := func(path string, line int) *Owner {
		return &Owner{Tool: "systemd-networkd", File: path, Line: line, Unit: unit}
	}
	netdevs, err1 := t.layered(networkdDirs(), ".netdev")
	o, err2 := t.firstOf(netdevs, func(path, text string) *Owner {
		if s := get(ini(text), "NetDev", "Name"); s.value == ifname && s.line > 0 {
			return claim(path, s.line)
		}
		return nil
	})
	if o != nil {
		return o, errors.Join(err1, err2)
	}
	networks, err3 := t.layered(networkdDirs(), ".network")
	applied := false
	o, err4 := t.firstOf(networks, func(path, text string) *Owner {
		settings := ini(text)
		line, ok := matches(settings, ifname)
		if applied || !ok {
			return nil
		}
		applied = true
		if configures(settings) {
			return claim(path, line)
		}
		return nil
	})
	return o, errors.Join(err1, err2, err3, err4)
}

// matches reads the section [Match]: Name= holds patterns, any of which may
// match; one that begins with "!" turns all of them round.
func matches(settings []setting, ifname string) (line int, ok bool) {
	for _, s := range settings {
		if s.section != "Match" {
			continue
		}
		switch s.key {
		case "Name":
			list, inverted := strings.CutPrefix(s.value, "!")
			any := slices.ContainsFunc(strings.Fields(list), func(pattern string) bool {
				match, err := path.Match(pattern, ifname)
				return err == nil && match
			})
			line, ok = s.line, any != inverted
		case "Kind", "Type", "Driver":
			if !strings.Contains(" "+s.value+" ", " bridge ") {
				return 0, false
			}
		}
	}
	return line, ok
}

func configures(settings []setting) bool {
	if s := get(settings, "Link", "Unmanaged"); s.value == "yes" || s.value == "true" || s.value == "1" || s.value == "on" {
		return false
	}
	for _, s := range settings {
		switch s.section {
		case "Network", "Address", "Route", "DHCPv4", "DHCPv6", "Bridge":
			return true
		}
	}
	return false
}
