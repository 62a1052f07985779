package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// mounts looks for files that localmount has to bring, where nothing waits for
// it. What is in the runlevel default starts when localmount has long been
// started, so most scripts need no word on it; those that want to be early, or
// that say nothing at all, do.
func (s *script) mounts(r relations) {
	if r.open || r.waits(func(name string) bool { return name == "localmount" || name == "*" || !early(name) }) {
		return
	}
	path, variable, at := s.mounted()
	switch {
	case path == "":
	case r.says("before", func(name string) bool { return name == "localmount" }):
		s.report("GL302", at, "keep it on the root file system, or start after localmount", "%s=%s, but the service starts before localmount, which may mount that", variable, path)
	case r.says("before", early):
		s.report("GL302", at, "", "%s=%s: the service starts at boot, and nothing has it wait for localmount, which may mount that", variable, path)
	default:
		s.lesser("GL302", at, "", "%s=%s: only the runlevel has the service wait for localmount, which may mount that", variable, path)
	}
}

// early tells whether a service belongs to the first of a boot: sysinit, or what
// localmount itself waits for or goes with.
func early(name string) bool {
	switch name {
	case "localmount", "fsck", "root", "swap", "modules", "hostname", "procfs", "sysctl", "bootmisc", "urandom", "seedrng", "hwclock",
		"swclock", "clock", "keymaps", "termencoding", "consolefont", "devfs", "sysfs", "udev", "udev-trigger", "dmesg", "mtab",
		"checkfs", "checkroot", "dev", "dev-settle", "mdev", "lvm", "mdraid", "dmcrypt", "loopback", "cgroups", "kmod-static-nodes":
		return true
	}
	return false
}

// mounted is the first of the service's files that lies where often another file
// system is mounted.
func (s *script) mounted() (path, variable string, at syntax.Pos) {
	for _, name := range [...]string{"command", "directory", "required_dirs", "required_files", "pidfile", "output_log", "error_log"} {
		a := s.global(name)
		if a == nil {
			continue
		}
		words := strings.Fields(s.expand(a.value))
		if len(words) > 0 && apart(words[0]) && !strings.Contains(words[0], Hole) {
			return words[0], name, a.node.Pos()
		}
	}
	return "", "", syntax.Pos{}
}

// apart tells whether a path lies below what is often a file system of its own.
// /var/run and /var/lock are links into /run.
func apart(path string) bool {
	for _, dir := range [...]string{"/var/run/", "/var/lock/"} {
		if strings.HasPrefix(path, dir) {
			return false
		}
	}
	for _, dir := range [...]string{"/usr/local/", "/var/", "/home/", "/srv/"} {
		if strings.HasPrefix(path, dir) {
			return true
		}
	}
	return false
}
