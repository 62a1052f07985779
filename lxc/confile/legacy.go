package confile

import (
	"os"
	"slices"
	"strings"
)

// renamed are the keys of LXC 2 and older under which LXC 3 refuses to start a
// container, with what they are called since (lxc-update-config(1), and
// src/lxc/confile.c of LXC 2.1, which knew both). lxc.limit.* and lxc.network.*
// have rules of their own.
var renamed = map[string]string{
	"lxc.aa_allow_incomplete": "lxc.apparmor.allow_incomplete",
	"lxc.aa_profile":          "lxc.apparmor.profile",
	"lxc.console":             "lxc.console.path",
	"lxc.devttydir":           "lxc.tty.dir",
	"lxc.haltsignal":          "lxc.signal.halt",
	"lxc.id_map":              "lxc.idmap",
	"lxc.init_cmd":            "lxc.init.cmd",
	"lxc.init_gid":            "lxc.init.gid",
	"lxc.init_uid":            "lxc.init.uid",
	"lxc.kmsg":                "",
	"lxc.limit":               "lxc.prlimit",
	"lxc.logfile":             "lxc.log.file",
	"lxc.loglevel":            "lxc.log.level",
	"lxc.mount":               "lxc.mount.fstab",
	"lxc.pivotdir":            "",
	"lxc.pts":                 "lxc.pty.max",
	"lxc.rebootsignal":        "lxc.signal.reboot",
	"lxc.rootfs":              "lxc.rootfs.path",
	"lxc.rootfs.backend":      "",
	"lxc.se_context":          "lxc.selinux.context",
	"lxc.seccomp":             "lxc.seccomp.profile",
	"lxc.stopsignal":          "lxc.signal.stop",
	"lxc.syslog":              "lxc.log.syslog",
	"lxc.tty":                 "lxc.tty.max",
	"lxc.utsname":             "lxc.uts.name",
}

// translate gives every statement its key and value of today. What they become
// can depend on statements that come later.
func translate(statements []statement) ([]Entry, []*Error) {
	entries := make([]Entry, len(statements))
	backend := ""
	for i := range statements {
		st := &statements[i]
		entries[i] = Entry{Key: st.text(st.key), Value: st.text(st.value), Pos: st.pos}
		entries[i].Written = entries[i].Key
		if entries[i].Key == "lxc.rootfs.backend" {
			backend = entries[i].Value // the last one counts, wherever it stands
		}
	}
	var errs []*Error
	nets := newNumbering(entries)
	for i := range entries {
		e := &entries[i]
		if err := translateKey(e, nets); err != nil {
			errs = append(errs, err)
		}
		if e.Written == "lxc.rootfs" && e.Value != "" {
			e.Value = rootfsPath(e.Value, backend)
		}
		if err := checkValue(e); err != nil {
			errs = append(errs, err)
		}
	}
	return entries, errs
}

func translateKey(e *Entry, nets *numbering) *Error {
	if key, ok := renamed[e.Key]; ok {
		e.Legacy, e.Dropped = true, key == ""
		if !e.Dropped {
			e.Key = key
		}
		return nil
	}
	if limit, ok := strings.CutPrefix(e.Key, "lxc.limit."); ok {
		e.Key, e.Legacy = "lxc.prlimit."+limit, true
		return nil
	}
	return nets.translate(e)
}

// backends are the kinds of storage that a rootfs may be prefixed with
// (src/lxc/storage/storage.c; aufs and file until LXC 2).
var backends = []string{"aufs", "btrfs", "dir", "file", "loop", "lvm", "nbd", "overlay", "overlayfs", "rbd", "zfs"}

// rootfsPath makes lxc.rootfs.path of lxc.rootfs and lxc.rootfs.backend. LXC
// cuts the path at its first colon, so that it is not left without a prefix,
// except where LXC has to find out by itself: images and block devices.
func rootfsPath(path, backend string) string {
	if kind, _, ok := strings.Cut(path, ":"); ok && slices.Contains(backends, kind) {
		return path
	}
	if backend == "" {
		info, err := os.Stat(path)
		if err == nil && !info.IsDir() || err != nil && strings.HasPrefix(path, "/dev/") {
			return path
		}
		backend = "dir"
	}
	return backend + ":" + path
}
