package pid1

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
)

// Root is the root of a container's file system. The kernel resolves every path
// inside it: absolute links and ".." cannot leave it, links of /proc that jump
// elsewhere are not followed. Its methods may be called concurrently.
//
// Mounts below the root are entered. LXC binds them into the container along
// with the root, so that a /usr on a disk of its own belongs to what is asked
// for; and nobody inside can mount anything that a root at rest would show.
type Root struct {
	dir      *os.File
	patience time.Duration
}

// OpenRoot opens the root of a container that does not run, by the host's path.
func OpenRoot(dir string) (*Root, error) {
	f, err := openDir(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot open a container's root: %w", err)
	}
	return &Root{f, deadPatience}, nil
}

// RootOf opens the root that p sees. It returns pidfile.ErrGone when p has
// ended.
func RootOf(p *pidfile.Process) (*Root, error) {
	f, err := openDir("/proc/" + strconv.Itoa(p.Pid()) + "/root")
	if p.Ended() { // and the number may have been another's
		if err == nil {
			f.Close()
		}
		err = pidfile.ErrGone
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open a container's root: %w", err)
	}
	return &Root{f, livePatience}, nil
}

func openDir(name string) (*os.File, error) {
	fd, err := unix.Open(name, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Close lets go of the root.
func (r *Root) Close() error { return r.dir.Close() }

// Exists reports whether there is anything under a path of the container, at
// the end of all links.
func (r *Root) Exists(name string) (bool, error) {
	_, err := r.stat(name)
	if absent(err) {
		return false, nil
	}
	return err == nil, err
}

// SameFile returns that one of the host's paths which is the same file or
// directory as name in the container, by device and inode; "" when none is, or
// when there is nothing under the name.
func (r *Root) SameFile(name string, hostPaths []string) (string, error) {
	inside, err := r.stat(name)
	if absent(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	for _, path := range hostPaths {
		var outside unix.Stat_t
		if unix.Stat(path, &outside) == nil && inside.Dev == outside.Dev && inside.Ino == outside.Ino {
			return path, nil
		}
	}
	return "", nil
}

func absent(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR)
}

func (r *Root) stat(name string) (st unix.Stat_t, err error) {
	return inRoot(r, name, func(fd int) (st unix.Stat_t, err error) {
		return st, unix.Fstat(fd, &st)
	})
}

// ReadFile returns the content of a regular file of at most limit bytes, which
// are at most 64 KiB. A longer one is an error.
func (r *Root) ReadFile(name string, limit int) ([]byte, error) {
	return inRoot(r, name, func(fd int) ([]byte, error) {
		return readRegular(fd, min(limit, maxFile), false)
	})
}

// inRoot runs work with a file of the container, which is open for nothing but
// being looked at (O_PATH): whatever it is, to open it like this has no effect.
func inRoot[T any](r *Root, name string, work func(fd int) (T, error)) (T, error) {
	return reach(r, name, 0, work)
}

func reach[T any](r *Root, name string, flags uint64, work func(fd int) (T, error)) (T, error) {
	value, err := within(r.patience, func() (value T, err error) {
		closed := r.use(func(root int) {
			var fd int
			if fd, err = resolve(root, name, flags); err == nil {
				value, err = work(fd)
				unix.Close(fd)
			}
		})
		return value, errors.Join(closed, err)
	})
	if err != nil {
		err = &os.PathError{Op: "read", Path: printable(name), Err: err}
	}
	return value, err
}

// use runs f with the root's descriptor.
func (r *Root) use(f func(fd int)) error {
	conn, err := r.dir.SyscallConn()
	if err != nil {
		return err
	}
	return conn.Control(func(fd uintptr) { f(int(fd)) })
}

// resolve finds a path inside root. The kernel gives up with EAGAIN when
// directories are renamed meanwhile, as it cannot be sure then (openat2(2)).
func resolve(root int, name string, flags uint64) (int, error) {
	if name == "" {
		return -1, unix.ENOENT
	}
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC | flags, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	fd, err := -1, error(unix.EAGAIN)
	for tries := 0; tries < 64 && (err == unix.EAGAIN || err == unix.EINTR); tries++ {
		fd, err = unix.Openat2(root, name, &how)
	}
	return fd, err
}

// maxFile bounds what is read of a container's file.
const maxFile = 64 << 10

// kernelMade are file systems whose files the kernel makes up (linux/magic.h):
// to read one may have an effect, as /proc/kmsg has, and tells of the host.
var kernelMade = []int64{
	unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC, unix.DEBUGFS_MAGIC, unix.TRACEFS_MAGIC,
	unix.SECURITYFS_MAGIC, unix.PSTOREFS_MAGIC, unix.EFIVARFS_MAGIC, unix.BPF_FS_MAGIC, unix.BINFMTFS_MAGIC, unix.SELINUX_MAGIC,
	unix.SMACK_MAGIC, unix.NSFS_MAGIC, unix.RDTGROUP_SUPER_MAGIC, unix.USBDEVICE_SUPER_MAGIC, unix.OPENPROM_SUPER_MAGIC,
	configfs, fusectl, pidfs,
}

// Those that unix has no name for.
const (
	configfs = 0x62656570
	fusectl  = 0x65735543
	pidfs    = 0x50494446
)

var (
	errNotRegular = errors.New("not a regular file")
	errKernelMade = errors.New("not a file on a disk but one of the kernel's")
	errTooLong    = errors.New("too long")
)

// readRegular reads what an O_PATH descriptor stands for, if that is a regular
// file: at most limit bytes, or with head the first that many.
func readRegular(path, limit int, head bool) ([]byte, error) {
	var st unix.Stat_t
	if err := unix.Fstat(path, &st); err != nil {
		return nil, os.NewSyscallError("fstat", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, errNotRegular
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(path, &fs); err != nil {
		return nil, os.NewSyscallError("fstatfs", err)
	}
	if slices.Contains(kernelMade, int64(fs.Type)) {
		return nil, errKernelMade
	}
	if !head && st.Size > int64(limit) {
		return nil, errTooLong
	}
	// O_NONBLOCK: else a lease that somebody holds makes this wait (fcntl(2)).
	fd, err := unix.Open("/proc/self/fd/"+strconv.Itoa(path), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("open", err)
	}
	defer unix.Close(fd)
	return readAll(fd, limit, head)
}

// readAll asks for one byte more than allowed, as the file may have grown.
func readAll(fd, limit int, head bool) ([]byte, error) {
	buf, n := make([]byte, limit+1), 0
	for n < len(buf) {
		switch got, err := unix.Read(fd, buf[n:]); {
		case err == unix.EINTR:
		case err != nil:
			return nil, os.NewSyscallError("read", err)
		case got == 0:
			return buf[:n], nil
		default:
			n += got
		}
	}
	if head {
		return buf[:limit], nil
	}
	return nil, errTooLong
}
