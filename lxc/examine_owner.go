package lxc

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/lxc/confile"
	"github.com/guestrc/guestrc/pid1"
)

// ids looks at who the container's root is on the host, and at what that user
// may.
func (x *examination) ids() {
	maps, err := x.c.file.IDMaps()
	if err != nil {
		x.add(err)
		return
	}
	x.maps = maps
	x.rootMapped()
	x.apart()
	x.owners()
	x.passage()
	x.everybody()
	x.ranges()
}

// rootMapped: LXC gives terminals to the root inside, unless its init is another
// user.
func (x *examination) rootMapped() {
	for _, key := range []string{"lxc.init.uid", "lxc.init.gid"} {
		if _, ok := x.c.file.Get(key); ok {
			return
		}
	}
	for _, of := range []struct {
		group bool
		what  string
	}{{false, "u"}, {true, "g"}} {
		if _, ok := x.onHost(of.group, 0); !ok {
			x.say(x.maps[0].Pos, "lxc.idmap = "+of.what+" 0 100000 65536", "lxc.idmap has no line with %s for root inside: LXC does not start", of.what).WithID("GR102")
		}
	}
}

// mostMaps is how many lines the kernel takes (user_namespaces(7)).
const mostMaps = 340

// apart: the kernel takes no map in which an id is twice.
func (x *examination) apart() {
	for i, a := range x.maps[:min(len(x.maps), mostMaps)] {
		for _, b := range x.maps[:i] {
			if a.Group == b.Group && (a.Inside < b.Inside+b.Count && b.Inside < a.Inside+a.Count || a.Host < b.Host+b.Count && b.Host < a.Host+a.Count) {
				x.say(a.Pos, "lines that do not overlap, neither inside nor on the host", "lxc.idmap has ids that it has in another line already (%s): LXC does not start", b.Pos).WithID("GR102")
				return
			}
		}
	}
}

// onHost is the id of the host that an id inside has.
func (x *examination) onHost(group bool, inside uint64) (uint64, bool) {
	for _, m := range x.maps {
		if m.Group == group && inside >= m.Inside && inside-m.Inside < m.Count {
			return m.Host + inside - m.Inside, true
		}
	}
	return inside, len(x.maps) == 0
}

// mapped says whether an id of the host has one inside.
func (x *examination) mapped(group bool, host uint64) bool {
	for _, m := range x.maps {
		if m.Group == group && host >= m.Host && host-m.Host < m.Count {
			return true
		}
	}
	return len(x.maps) == 0
}

// shifted: LXC has the kernel translate owners (lxc.rootfs.options), or the ids
// are another container's.
func (x *examination) shifted() bool {
	options, _ := x.c.file.Get("lxc.rootfs.options")
	_, shared := x.c.file.Get("lxc.namespace.share.user")
	return strings.Contains(options.Value, "idmap=") || shared
}

// owners compares those of the root with the id map. Two directories have to
// agree, so that one that was given away on purpose says nothing.
func (x *examination) owners() {
	if x.root == nil || x.shifted() || x.hooked("pre-start", "pre-mount") {
		return
	}
	top, err := x.root.Stat("/")
	if err != nil {
		return
	}
	etc, err := x.root.Stat("/etc")
	if err != nil {
		etc, err = x.root.Stat("/usr")
	}
	if err != nil || etc.UID != top.UID {
		return
	}
	owner := fmt.Sprintf("the files of %s are the user's %d", x.c.Rootfs.Path, top.UID)
	switch {
	case len(x.maps) == 0 && top.UID != 0 && os.Geteuid() == 0:
		x.say(x.c.Rootfs.Pos, fmt.Sprintf("lxc.idmap = u 0 %d 65536, and the same with g; or give the files to root", top.UID),
			"%s, and without lxc.idmap the container's root is 0", owner).WithID("GR517")
	case !x.mapped(false, uint64(top.UID)):
		x.say(x.maps[0].Pos, "", "%s, for which lxc.idmap has no number inside", owner).WithID("GR517")
	}
}

// passage follows the paths that LXC walks as the container's root: to lxcpath
// (access(2) in src/lxc/start.c, do_start), and to the rootfs.
func (x *examination) passage() {
	user, okUser := x.onHost(false, 0)
	group, okGroup := x.onHost(true, 0)
	if len(x.maps) == 0 || user == 0 || !okUser || !okGroup {
		return
	}
	ways := []string{x.c.LXCPath}
	if dir, ok := x.c.Rootfs.dir(); ok && !x.shifted() {
		ways = append(ways, dir)
	}
	for _, path := range ways {
		closed := closedTo(path, user, group)
		if closed == "" {
			continue
		}
		x.say(x.maps[0].Pos, fmt.Sprintf("chmod o+x %s; or setfacl -m u:%d:x %s", closed, user, closed),
			"the container's root is the user %d of the host, who may not pass %s", user, closed).WithID("GR519")
		return
	}
}

// closedTo is the first directory on the way to path, and path itself, that a
// user may not pass; empty where there is none, or where an access list decides.
func closedTo(path string, user, group uint64) string {
	for _, dir := range way(path) {
		var st unix.Stat_t
		if unix.Stat(dir, &st) != nil {
			return ""
		}
		may := st.Mode & 0o001
		switch {
		case uint64(st.Uid) == user:
			may = st.Mode & 0o100
		case listed(dir):
			return ""
		case uint64(st.Gid) == group:
			may = st.Mode & 0o010
		}
		if may == 0 {
			return dir
		}
	}
	return ""
}

// way is / and every directory down to path, links resolved.
func way(path string) []string {
	real, err := filepath.EvalSymlinks(path)
	if err != nil || !filepath.IsAbs(real) {
		return nil
	}
	dirs := []string{"/"}
	for i, r := range real {
		if r == '/' && i > 0 {
			dirs = append(dirs, real[:i])
		}
	}
	return append(dirs, real)
}

// listed tells whether the directory has an access list (acl(5)).
func listed(dir string) bool {
	n, err := unix.Getxattr(dir, "system.posix_acl_access", nil)
	return err == nil && n > 0
}

// setuids are programs that most systems have, and setuid root.
var setuids = []string{"/usr/bin/su", "/bin/su", "/usr/bin/passwd", "/usr/bin/sudo", "/bin/bbsuid", "/usr/bin/mount", "/usr/bin/newgrp", "/usr/bin/chsh"}

// everybody looks for a program inside that is setuid root for the host's users,
// whose updates are the container's business.
func (x *examination) everybody() {
	if x.root == nil || !x.mapped(false, 0) {
		return
	}
	dir := x.c.Rootfs.Path
	var fs unix.Statfs_t
	const nobody = 1<<32 - 1
	if unix.Statfs(dir, &fs) != nil || fs.Flags&unix.ST_NOSUID != 0 || len(way(dir)) == 0 || closedTo(dir, nobody, nobody) != "" || listedOn(dir) {
		return
	}
	for _, path := range setuids {
		if st, err := x.root.Stat(path); err == nil && isSetuidRoot(st) {
			hint := ""
			if above := filepath.Dir(dir); filepath.Base(above) == x.c.instance() {
				hint = "chmod 0770 " + above
			}
			x.say(x.c.Rootfs.Pos, hint, "every user of the host can run %s as root", filepath.Join(dir, path)).WithID("GR518")
			return
		}
	}
}

func listedOn(path string) bool {
	for _, dir := range way(path) {
		if listed(dir) {
			return true
		}
	}
	return false
}

func isSetuidRoot(st pid1.FileStat) bool {
	return st.UID == 0 && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Mode&unix.S_ISUID != 0 && st.Mode&0o001 != 0
}

// ranges: where newuidmap(1) and newgidmap(1) can be run, LXC has them write the
// map, root's too, unless that has the host's root in it (lxc_map_ids).
func (x *examination) ranges() {
	if len(x.maps) == 0 || os.Geteuid() != 0 || x.mapped(false, 0) || !privileged("newuidmap") || !privileged("newgidmap") {
		return
	}
	l := x.c.Layout
	if text, err := os.ReadFile(l.At("etc", "nsswitch.conf")); err == nil && strings.Contains(string(text), "subid:") {
		return // another database
	}
	for _, m := range x.maps {
		file := l.At("etc", "subuid")
		if m.Group {
			file = l.At("etc", "subgid")
		}
		text, err := os.ReadFile(file)
		if err == nil && !allows(string(text), m) || os.IsNotExist(err) {
			last := m.Host + m.Count - 1
			x.say(m.Pos, fmt.Sprintf("echo root:%d:%d >> %s", m.Host, m.Count, file), "%s does not give root the ids %d to %d, and LXC has newuidmap write the map", file, m.Host, last).WithID("GR522")
		}
	}
}

func privileged(program string) bool {
	path, err := exec.LookPath(program) // as lxc-start will, see baseEnv
	if err != nil {
		return false
	}
	info, err := os.Stat(path)
	return err == nil && info.Mode()&os.ModeSetuid != 0
}

// allows reads lines NAME:FIRST:COUNT (subuid(5)). Ranges that adjoin are one.
func allows(text string, m confile.IDMap) bool {
	next, end := m.Host, m.Host+m.Count
	for again := true; again && next < end; {
		again = false
		for line := range strings.Lines(text) {
			fields := strings.Split(strings.TrimSpace(line), ":")
			if len(fields) != 3 || fields[0] != "root" && fields[0] != "0" {
				continue
			}
			first, err1 := strconv.ParseUint(fields[1], 10, 32)
			count, err2 := strconv.ParseUint(fields[2], 10, 33)
			if err1 == nil && err2 == nil && first <= next && next < first+count {
				next, again = first+count, true
			}
		}
	}
	return next >= end
}
