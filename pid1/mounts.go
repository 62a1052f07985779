package pid1

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
)

// Mount is one line of a process's table of mounts (proc_pid_mountinfo(5)).
type Mount struct {
	ID, Parent int
	Root       string // of what is mounted, within its file system; "//deleted" at its end when it has no name any more
	Target     string // within the root of the process
	Type       string // of the file system
}

// maxMounts bounds a table, in bytes: whoever is inside may mount as often as
// the kernel lets them.
const maxMounts = 1 << 20

// Mounts is the table of p's mounts, in the order in which they were made.
func Mounts(p *pidfile.Process) ([]Mount, error) {
	text, err := within(livePatience, func() (string, error) {
		return readProc("/proc/"+strconv.Itoa(p.Pid())+"/mountinfo", maxMounts+1)
	})
	switch {
	case p.Ended():
		err = pidfile.ErrGone
	case err == nil && len(text) > maxMounts:
		err = errTooLong
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the mounts of a container: %w", err)
	}
	return parseMounts(text), nil
}

// parseMounts passes over lines of another form.
func parseMounts(text string) (mounts []Mount) {
	for line := range strings.Lines(text) {
		common, special, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		fields, rest := strings.Split(common, " "), strings.Split(special, " ")
		if !ok || len(fields) < 6 {
			continue
		}
		id, errID := strconv.Atoi(fields[0])
		parent, errParent := strconv.Atoi(fields[1])
		if errors.Join(errID, errParent) == nil {
			mounts = append(mounts, Mount{id, parent, unescape.Replace(fields[3]), unescape.Replace(fields[4]), rest[0]})
		}
	}
	return mounts
}

// unescape undoes what the kernel does to names (fs/proc_namespace.c, mangle).
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`, `\043`, "#")

// FileStat is what can be known of a file without opening it.
type FileStat struct {
	Dev, Ino uint64
	Mode     uint32 // with its type, as st_mode
	UID      uint32
	Mount    int // the ID of the mount that it was reached by; 0 before Linux 5.8
}

// Stat looks at what is under a path of the container, at the end of all links.
// The error wraps fs.ErrNotExist when there is nothing.
func (r *Root) Stat(name string) (FileStat, error) { return reach(r, name, 0, statOf) }

// Lstat does not follow a link at the path's end.
func (r *Root) Lstat(name string) (FileStat, error) { return reach(r, name, unix.O_NOFOLLOW, statOf) }

func statOf(fd int) (FileStat, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return FileStat{}, os.NewSyscallError("fstat", err)
	}
	f := FileStat{Dev: st.Dev, Ino: st.Ino, Mode: st.Mode, UID: st.Uid}
	var more unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_MNT_ID, &more); err == nil && more.Mask&unix.STATX_MNT_ID != 0 {
		f.Mount = int(more.Mnt_id)
	}
	return f, nil
}
