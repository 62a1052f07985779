package lxc

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/lxc/confile"
)

// mounts looks at the entries as LXC will carry them out (mount_entry in
// src/lxc/conf.c): the first that fails ends the start.
func (x *examination) mounts() {
	mounts, err := x.c.file.Mounts()
	if err != nil {
		return // preflight's to tell
	}
	var covered []string // by entries before
	for _, m := range mounts {
		x.options(m)
		inside, ok := x.c.inside(m.Target)
		if !ok || optional(m) {
			continue // preflight tells the one, LXC does without the other
		}
		switch {
		case !mountable(m):
			x.say(m.Pos, "add bind to its options", "%s is to be mounted on %s as %q without the option bind: the kernel knows no file system of that name",
				m.Source, inside, m.Type).WithID("GR523")
		case x.root != nil && !x.hooked("pre-start", "pre-mount") && !hidden(inside, covered):
			x.target(m, inside)
		}
		covered = append(covered, inside)
	}
}

func optional(m confile.Mount) bool { return slices.Contains(m.Options, "optional") }

// has finds an option as LXC does: what begins with its name.
func has(m confile.Mount, names ...string) bool {
	return slices.ContainsFunc(m.Options, func(option string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(option, name) })
	})
}

func binds(m confile.Mount) bool { return has(m, "bind", "rbind") }

// mountable: "none" and "bind" are words for people, which only the option bind
// makes a mount of.
func mountable(m confile.Mount) bool {
	return !slices.Contains([]string{"", "none", "bind"}, m.Type) || has(m, "bind", "rbind", "move", "remount")
}

// mountOptions are those that a bind mount knows, by what they begin with
// (mount_opt, propagation_opt and lxc_mount_options_info in src/lxc/conf.c).
var mountOptions = strings.Fields(`atime dev diratime exec noatime nodev nodiratime noexec norelatime nostrictatime nosymfollow nosuid
	relatime ro rw strictatime suid bind move defaults rbind sync async dirsync lazytime mand nomand remount
	private shared slave unbindable rprivate rshared rslave runbindable
	create=dir create=file optional relative idmap=`)

// options: what LXC does not know goes to the file system, and a bind mount asks
// none.
func (x *examination) options(m confile.Mount) {
	if !binds(m) {
		return
	}
	for _, option := range m.Options {
		if option == "" || has(confile.Mount{Options: []string{option}}, mountOptions...) {
			continue
		}
		hint := ""
		switch near := confile.NearestOf(option, mountOptions); {
		case option == "nofail":
			hint = "LXC calls it optional"
		case near != "":
			hint = "did you mean " + near + "?"
		}
		x.say(m.Pos, hint, "the option %q of the mount on %s is unknown to LXC, and without effect", option, m.Target).WithID("GR103")
	}
}

// hidden: other file systems will be there when LXC comes to it.
func hidden(inside string, covered []string) bool {
	return slices.ContainsFunc(append([]string{"/dev", "/proc", "/sys"}, covered...), func(above string) bool {
		return inside == above || strings.HasPrefix(inside, strings.TrimSuffix(above, "/")+"/")
	})
}

// target looks for the place where the entry is to be mounted. LXC makes one
// only where the entry says so, and follows no link on the way
// (open_without_symlink in src/lxc/utils.c).
func (x *examination) target(m confile.Mount, inside string) {
	at, parts := "", strings.Split(strings.Trim(inside, "/"), "/")
	for i, part := range parts {
		at += "/" + part
		st, err := x.root.Lstat(at)
		is := st.Mode & unix.S_IFMT
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if !has(m, "create=dir", "create=file") && !strings.HasPrefix(m.Type, "overlay") {
				x.say(m.Pos, "make it in the rootfs, or add "+creating(m)+" to its options", "cannot mount %s on %s: the rootfs has no %s", m.Source, inside, at).WithID("GR516")
			}
			return
		case err != nil:
			return
		case is == unix.S_IFLNK:
			x.say(m.Pos, "write the path that the link leads to", "cannot mount %s on %s: %s is a link, and LXC follows none there", m.Source, inside, at).WithID("GR523")
			return
		case i < len(parts)-1:
		case sourceType(m) == unix.S_IFDIR && is != unix.S_IFDIR:
			x.say(m.Pos, "", "cannot mount the directory %s on %s, which is none", m.Source, inside).WithID("GR523")
		case sourceType(m) == unix.S_IFREG && is == unix.S_IFDIR:
			x.say(m.Pos, "name the file in it: "+strings.TrimSuffix(m.Target, "/")+"/"+filepath.Base(m.Source), "cannot mount the file %s on %s, which is a directory", m.Source, inside).WithID("GR523")
		}
	}
}

func creating(m confile.Mount) string {
	if sourceType(m) == unix.S_IFREG {
		return "create=file"
	}
	return "create=dir"
}

// sourceType is S_IFDIR for a directory and for a file system, S_IFREG for any file,
// and 0 where it cannot be told.
func sourceType(m confile.Mount) uint32 {
	if !binds(m) {
		return unix.S_IFDIR
	}
	info, err := os.Stat(m.Source)
	switch {
	case err != nil || !filepath.IsAbs(m.Source) || slices.Contains(m.Options, "relative"):
		return 0
	case info.IsDir():
		return unix.S_IFDIR
	}
	return unix.S_IFREG
}
