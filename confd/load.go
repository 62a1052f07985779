package confd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// The bounds of what is read. No honest file comes near them, and together
// they keep a hostile one from costing more than a few milliseconds.
const (
	maxFile     = 64 << 10 // bytes of a file
	maxVars     = 512      // names set by the files of one guest
	maxValue    = 8 << 10  // bytes of one value
	maxExpanded = 1 << 20  // bytes of all values ever assigned
	maxNesting  = 16       // ${a:-${b:-…}}
)

// Load reads the files of one guest, defaults first, in one environment, as a
// shell would that sources them in turn. preset holds variables that are set
// beforehand, such as RC_SVCNAME; nothing else is, least of all the process's
// own environment.
//
// The last file is the guest's own: when it does not exist the error wraps
// [fs.ErrNotExist]. An earlier one may be missing. Every file must be regular
// (a symlink to one will do), at most 64 KiB, owned by root or the effective
// user, and writable by nobody else. All errors are of type *[Error], several
// are joined.
func Load(files []string, preset map[string]string) (*Config, error) {
	r := newReader(preset)
	for i, name := range files {
		src, err := readFile(name)
		if errors.Is(err, fs.ErrNotExist) && i < len(files)-1 {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := r.read(name, src); err != nil {
			return nil, err
		}
	}
	return r.config(), nil
}

// Parse is Load of one file whose text is at hand; name is for positions only.
func Parse(name string, src []byte, preset map[string]string) (*Config, error) {
	r := newReader(preset)
	if err := r.read(name, src); err != nil {
		return nil, err
	}
	return r.config(), nil
}

// readFile opens before it looks, so that what was checked is what is read.
// O_NONBLOCK keeps a FIFO from blocking the open.
func readFile(name string) ([]byte, error) {
	fail := func(err error) error {
		var e *fs.PathError
		if errors.As(err, &e) {
			err = e.Err // the position names the file already
		}
		return &Error{Pos: Pos{File: name}, Msg: "cannot read the file: " + err.Error(), Err: err}
	}
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fail(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fail(err)
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	if err := checkFile(name, info.Mode(), info.Size(), owner, uint32(os.Geteuid())); err != nil {
		return nil, err
	}
	src, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fail(err)
	}
	return src, nil
}

// checkFile refuses what somebody other than root or us could have written:
// the files decide what runs as root.
func checkFile(name string, mode fs.FileMode, size int64, owner, euid uint32) error {
	refuse := func(hint, format string, args ...any) *Error {
		return &Error{Pos: Pos{File: name}, Msg: "cannot use the file: " + fmt.Sprintf(format, args...), Hint: hint}
	}
	switch {
	case !mode.IsRegular():
		return refuse("", "it is not a regular file")
	case owner != 0 && owner != euid:
		return refuse("chown root "+name+" && chmod go-w "+name, "it belongs to uid %d, who must not decide what root runs", owner).WithID(looseID)
	case mode.Perm()&0o022 != 0:
		return refuse("chown root "+name+" && chmod go-w "+name, "its mode %#o lets others than its owner write it", mode.Perm()).WithID(looseID)
	case size > maxFile:
		return refuse("", "it has %d bytes, more than %d", size, maxFile)
	}
	return nil
}
