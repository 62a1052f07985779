package daemon

import (
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// hands are those, besides root and ourselves, in which it lies what a pidfile
// says: who may write it, or replace it or something on the way to it.
type hands struct {
	uids   []uint32
	gids   []uint32
	anyone bool
	free   bool     // they say what the file holds, not only which of root's files is there
	where  []string // the first place of each of them, with the reason
}

func ofRoot(uid uint32) bool { return uid == 0 || int(uid) == os.Geteuid() }

func (h *hands) user(path string, uid uint32) {
	if ofRoot(uid) || slices.Contains(h.uids, uid) {
		return
	}
	h.uids = append(h.uids, uid)
	h.where = append(h.where, fmt.Sprintf("%s belongs to user %s", path, userName(int(uid))))
}

// ofDir notes who may replace what lies in a directory. With the sticky bit
// only an entry's own owner may, and that one is looked at as the entry is.
func (h *hands) ofDir(dir *os.File, st *unix.Stat_t) {
	h.ofSystem(dir)
	h.user(dir.Name(), st.Uid)
	if st.Mode&unix.S_ISVTX == 0 {
		h.others(dir, st)
	}
}

// ofFile also counts a second name: it may be one that a user gave to a file of
// root's from elsewhere.
func (h *hands) ofFile(f *os.File, st *unix.Stat_t) {
	h.ofSystem(f)
	h.user(f.Name(), st.Uid)
	h.others(f, st)
	h.free = h.free || !ofRoot(st.Uid) || st.Mode&0o022 != 0 || st.Nlink > 1
}

func (h *hands) ofLink(path string, uid uint32) {
	h.user(path, uid)
	h.free = h.free || !ofRoot(uid)
}

// ofSystem: in a file system that a program serves, fuse(4), owners are what that
// says, and any user may have mounted it over a directory of his.
func (h *hands) ofSystem(f *os.File) {
	var on unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &on); err == nil && on.Type != unix.FUSE_SUPER_MAGIC || h.anyone {
		return
	}
	h.anyone = true
	h.where = append(h.where, fmt.Sprintf("%s is in a file system that some program serves", f.Name()))
}

func (h *hands) others(f *os.File, st *unix.Stat_t) {
	switch {
	case st.Mode&0o002 != 0:
		h.anyone = true
		h.where = append(h.where, fmt.Sprintf("anybody may write %s (mode %04o)", f.Name(), st.Mode&0o7777))
	case st.Mode&0o020 == 0:
	case hasACL(f): // then the bit is the list's mask (acl(5))
		h.anyone = true
		h.where = append(h.where, fmt.Sprintf("an access control list lets others write %s", f.Name()))
	case st.Gid != 0 && !slices.Contains(h.gids, st.Gid):
		h.gids = append(h.gids, st.Gid)
		h.where = append(h.where, fmt.Sprintf("group %s may write %s", groupName(int(st.Gid)), f.Name()))
	}
}

func hasACL(f *os.File) bool {
	path := fmt.Sprintf("/proc/self/fd/%d", f.Fd()) // which is how to ask an O_PATH descriptor
	n, err := unix.Getxattr(path, "system.posix_acl_access", nil)
	return err == nil && n > 0
}

// mayName reports whether they may have a process signalled: one that is wholly
// the user's whose place it is. Where the place is root's and a group may write,
// it is one that is wholly of the group, and not root's.
func (h *hands) mayName(s status) bool {
	if h.anyone {
		return false
	}
	for _, uid := range h.uids {
		if !all(s.uids, int(uid)) {
			return false
		}
	}
	if len(h.uids) > 0 {
		return true
	}
	for _, gid := range h.gids {
		if slices.Contains(s.uids[:3], 0) || !all(s.gids, int(gid)) {
			return false
		}
	}
	return true
}

// rootWrote reports whether all that they can do is to put another file in this
// one's place that root wrote, too. Then a process is the daemon if it runs the
// right program, was there before, and root wrote down its number.
func (h *hands) rootWrote() bool { return !h.anyone && !h.free }

// remedy is for one who sees that they may not name the process.
func (h *hands) remedy(w Want) string {
	if h.rootWrote() && w.Exe == "" {
		return "nothing was signalled; say what it runs: --exec PATH"
	}
	return "nothing was signalled; have the daemon's pidfile written by root, where root alone may write"
}

func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return strconv.Itoa(uid)
}

func groupName(gid int) string {
	if g, err := user.LookupGroupId(strconv.Itoa(gid)); err == nil {
		return g.Name
	}
	return strconv.Itoa(gid)
}
