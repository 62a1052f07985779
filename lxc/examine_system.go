package lxc

import (
	"os"
	"slices"
	"strings"

	"github.com/guestrc/guestrc/cgroup"
	"github.com/guestrc/guestrc/lxc/confile"
)

// legacySystems are releases whose systemd knows cgroup v1 alone: it has the
// other version since 230, its release notes say. ID, and how VERSION_ID begins
// (os-release(5)).
var legacySystems = []struct{ id, version, systemd string }{
	{"centos", "7", "219"}, {"rhel", "7", "219"}, {"ol", "7", "219"}, {"scientific", "7", "219"}, {"amzn", "2", "219"},
	{"debian", "8", "215"}, {"ubuntu", "15", "225"}, {"ubuntu", "16", "229"},
	{"sles", "12", "228"}, {"opensuse", "42", "228"},
}

// system: no configuration gives a system the cgroup version that the host
// lacks, but a hook or an entry that mounts it.
func (x *examination) system() {
	groups, err := cgroup.Of(os.Getpid())
	if err != nil || len(groups) == 0 || slices.ContainsFunc(groups, func(g cgroup.Group) bool { return g.Version == 1 }) {
		return
	}
	x.legacySystem()
}

func (x *examination) legacySystem() {
	if x.root == nil || !x.boots("/lib/systemd/systemd") || x.hooked("pre-start", "pre-mount", "mount", "start", "autodev") {
		return
	}
	if mounts, err := x.c.file.Mounts(); err != nil || slices.ContainsFunc(mounts, hierarchy) {
		return
	}
	text := x.release()
	id := releaseValue(text, "ID")
	version, _, _ := strings.Cut(releaseValue(text, "VERSION_ID"), ".")
	for _, s := range legacySystems {
		if id == s.id && version == s.version {
			x.say(x.c.Rootfs.Pos, "", "%s has systemd %s, which needs cgroup v1, and this host has version 2 alone", releaseValue(text, prettyName), s.systemd).WithID("GR521")
		}
	}
}

// hierarchy tells whether an entry brings a hierarchy of version 1 along.
func hierarchy(m confile.Mount) bool { return m.Type == "cgroup" }

// boots tells whether its init is that program, by whatever link.
func (x *examination) boots(program string) bool {
	init, err := x.root.Stat(x.c.initCommand())
	if err != nil {
		return false
	}
	is, err := x.root.Stat(program)
	return err == nil && is.Dev == init.Dev && is.Ino == init.Ino
}

// release is the root's os-release.
func (x *examination) release() string {
	for _, name := range osReleases {
		if text, err := x.root.ReadFile(name, osReleaseMax); err == nil {
			return string(text)
		}
	}
	return ""
}
