package owner

import (
	"errors"
	"strings"
)

// networkManager looks for a connection of the type bridge
// (nm-settings-keyfile(5)), whatever its file is called.
func (t tree) networkManager(ifname string) (*Owner, error) {
	unit, _ := t.unit("NetworkManager.service")
	if unit == "" && !t.program("NetworkManager") {
		return nil, nil
	}
	paths, err1 := t.layered([]string{"/etc/NetworkManager/system-connections", "/run/NetworkManager/system-connections", "/usr/lib/NetworkManager/system-connections"}, "")
	o, err2 := t.firstOf(paths, func(path, text string) *Owner {
		settings := ini(text)
		name := get(settings, "connection", "interface-name")
		if name.value != ifname || get(settings, "connection", "type").value != "bridge" {
			return nil
		}
		return &Owner{Tool: "NetworkManager", File: path, Line: name.line, Unit: unit}
	})
	return o, errors.Join(err1, err2)
}

// netplan looks for the interface below "bridges:", by indentation. It has no
// daemon: at boot, its generator writes files for others.
func (t tree) netplan(ifname string) (*Owner, error) {
	if !t.program("netplan") && !t.exists("/usr/lib/systemd/system-generators/netplan") && !t.exists("/lib/systemd/system-generators/netplan") {
		return nil, nil
	}
	paths, err1 := t.layered([]string{"/run/netplan", "/etc/netplan", "/usr/lib/netplan", "/lib/netplan"}, ".yaml")
	o, err2 := t.firstOf(paths, func(path, text string) *Owner {
		line := netplanBridge(text, ifname)
		if line == 0 {
			return nil
		}
		renderer := "systemd-networkd.service"
		if strings.Contains(text, "NetworkManager") {
			renderer = "NetworkManager.service"
		}
		unit, _ := t.unit(renderer)
		return &Owner{Tool: "netplan", File: path, Line: line, Unit: unit}
	})
	return o, errors.Join(err1, err2)
}

// netplanBridge returns the line of the bridge, 0 if there is none. Of
// "bridges: {br0: {}}" it sees the names that a ":" follows.
func netplanBridge(text, ifname string) int {
	parent, child := -1, -1 // indentation of "bridges:" and of what is below it
	n := 0
	for line := range strings.Lines(text) {
		n++
		entry := strings.TrimLeft(line, " ")
		indent := len(line) - len(entry)
		entry = strings.TrimSpace(entry)
		if entry == "" || entry[0] == '#' {
			continue
		}
		if parent >= 0 && indent <= parent {
			parent, child = -1, -1
		}
		key, rest, ok := strings.Cut(entry, ":")
		key = strings.Trim(key, `"'`)
		switch {
		case !ok:
		case parent < 0 && key == "bridges":
			parent = indent
			for _, word := range strings.FieldsFunc(rest, func(r rune) bool { return strings.ContainsRune("{}, \t", r) }) {
				if name, ok := strings.CutSuffix(word, ":"); ok && strings.Trim(name, `"'`) == ifname {
					return n
				}
			}
		case parent >= 0:
			if child < 0 {
				child = indent
			}
			if indent == child && key == ifname {
				return n
			}
		}
	}
	return 0
}
