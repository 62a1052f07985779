package owner

import (
	"errors"
	"path/filepath"
	"strings"
)

// lxcNet is LXC's own bridge. Its script sets USE_LXC_BRIDGE=true and
// LXC_BRIDGE=lxcbr0, and then reads the distribution's files
// (config/init/common/lxc-net.in).
func (t tree) lxcNet(ifname string) (*Owner, error) {
	o := &Owner{Tool: "lxc-net"}
	o.Unit, o.File = t.unit("lxc-net.service")
	if script := "/etc/init.d/lxc-net"; t.exists(script) {
		o.File = script
	}
	if o.File == "" {
		return nil, nil
	}
	use, bridge := "true", "lxcbr0"
	var errs []error
	for _, path := range []string{"/etc/default/lxc", "/etc/sysconfig/lxc", "/etc/default/lxc-net", "/etc/sysconfig/lxc-net"} {
		text, err := t.read(path)
		errs = append(errs, err)
		n := 0
		for line := range strings.Lines(text) {
			n++
			switch name, value, _ := strings.Cut(strings.TrimSpace(line), "="); name {
			case "USE_LXC_BRIDGE":
				use = unquoted(value)
			case "LXC_BRIDGE":
				bridge, o.File, o.Line = unquoted(value), path, n
			}
		}
	}
	if use != "true" || bridge != ifname {
		o = nil
	}
	return o, errors.Join(errs...)
}

// unquoted is the value of a plain assignment.
func unquoted(s string) string {
	if s != "" && (s[0] == '"' || s[0] == '\'') {
		text, _, _ := strings.Cut(s[1:], s[:1])
		return text
	}
	s, _, _ = strings.Cut(s, "#")
	return strings.TrimSpace(s)
}

// libvirt looks at its networks. One that forwards in the mode "bridge" uses a
// bridge that is somebody else's.
func (t tree) libvirt(ifname string) (*Owner, error) {
	unit, _ := t.unit("virtnetworkd.service", "libvirtd.service")
	if unit == "" && !t.program("virtnetworkd", "libvirtd") {
		return nil, nil
	}
	const dir = "/etc/libvirt/qemu/networks"
	names, err1 := t.names(dir)
	var paths []string
	for _, name := range names {
		if strings.HasSuffix(name, ".xml") {
			paths = append(paths, filepath.Join(dir, name))
		}
	}
	o, err2 := t.firstOf(paths, func(path, text string) *Owner {
		at := -1
		for offset, tag := range tags(text) {
			switch name := strings.Fields(tag); {
			case len(name) == 0:
			case name[0] == "bridge" && attribute(tag, "name") == ifname:
				at = offset
			case name[0] == "forward" && attribute(tag, "mode") == "bridge":
				return nil
			}
		}
		if at < 0 {
			return nil
		}
		return &Owner{Tool: "libvirt", File: path, Line: 1 + strings.Count(text[:at], "\n"), Unit: unit}
	})
	return o, errors.Join(err1, err2)
}

// tags gives the insides of <…>, each with its offset, without comments.
func tags(text string) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		for i := 0; ; {
			start := strings.IndexByte(text[i:], '<')
			if start < 0 {
				return
			}
			i += start + 1
			end := ">"
			if strings.HasPrefix(text[i:], "!--") {
				end = "-->"
			}
			length := strings.Index(text[i:], end)
			if length < 0 {
				return
			}
			if end == ">" && !yield(i, strings.TrimSuffix(text[i:i+length], "/")) {
				return
			}
			i += length + len(end)
		}
	}
}

// attribute is the text of name="…" or name='…' in a tag.
func attribute(tag, name string) string {
	_, rest, ok := strings.Cut(strings.Join(strings.Fields(tag), " "), " "+name+"=")
	if !ok || len(rest) < 2 {
		return ""
	}
	text, _, _ := strings.Cut(rest[1:], rest[:1])
	return text
}
