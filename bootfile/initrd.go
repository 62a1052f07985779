package bootfile

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// How much is looked at of one initrd. Go's gzip unpacks some 100 MB a second on
// a machine of today, so the time ends it first; the bytes bound what is not
// packed, where contents are passed over.
const (
	maxUnpacked = 64 << 20
	maxTime     = 20 * time.Millisecond
	maxFiles    = 100_000
)

// Initrd lists the versions that an initrd has modules for: names of directories
// in lib/modules and usr/lib/modules. It goes through archives that follow each
// other (Documentation/driver-api/early-userspace/buffer-format.rst), plain or packed
// by gzip, up to the first that has such directories, and within it until these are
// left, as archives have a directory's contents together. There are none, without an
// error, if it is packed otherwise, larger than is looked at, or damaged.
func Initrd(path string) (versions []string, err error) {
	f, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the initrd %s: %w", path, bare(err))
	}
	defer f.Close()
	versions, err = initrd(f, time.Now().Add(maxTime))
	if err != nil {
		return nil, fmt.Errorf("cannot read the initrd %s: %w", path, bare(err))
	}
	return versions, nil
}

// errEnd ends the reading: nothing more is certain.
var errEnd = errors.New("no more is known")

func initrd(r io.ReadSeeker, deadline time.Time) ([]string, error) {
	s := &initrdReader{in: bufio.NewReaderSize(r, 16<<10), file: r, deadline: deadline, left: maxUnpacked}
	err := s.archives(true)
	var broken *os.PathError
	if errors.As(err, &broken) {
		return nil, err
	}
	return s.versions, nil
}

type initrdReader struct {
	in       *bufio.Reader
	file     io.ReadSeeker // nil where it cannot be moved in
	at       int64         // since the beginning of the archive
	deadline time.Time
	left     int64
	files    int
	versions []string
}

// archives reads one after the other. Each begins at a multiple of 4 bytes, after
// any number of zeros.
func (s *initrdReader) archives(outer bool) error {
	for {
		magic, err := s.in.Peek(6)
		switch {
		case len(magic) == 0:
			return err
		case magic[0] == 0:
			if err := s.skip(1); err != nil {
				return err
			}
		case string(magic) == "070701" || string(magic) == "070702":
			if err := s.archive(); err != nil {
				return err
			}
		case outer && bytes.HasPrefix(magic, []byte{0x1f, 0x8b, 8}):
			if err := s.packed(); err != nil {
				return err
			}
		default:
			return errEnd
		}
	}
}

// packed reads the archives within, and goes on behind them.
func (s *initrdReader) packed() error {
	z, err := gzip.NewReader(s.in)
	if err != nil {
		return err
	}
	z.Multistream(false)
	inner := *s
	inner.in, inner.file = bufio.NewReaderSize(z, 16<<10), nil
	err = inner.archives(false)
	s.versions, s.left, s.files = inner.versions, inner.left, inner.files
	if err == io.EOF && len(s.versions) == 0 {
		return nil
	}
	return errors.Join(errEnd, err)
}

const (
	cpioHeader = 110
	maxName    = 4096 // PATH_MAX, which the kernel refuses to go beyond
)

// archive reads one up to its end.
func (s *initrdReader) archive() error {
	s.at = 0
	for {
		name, size, err := s.entry()
		if err != nil {
			return err
		}
		if name == "TRAILER!!!" {
			if len(s.versions) > 0 {
				return errEnd
			}
			return nil
		}
		if version, inside := moduleVersion(name); !inside && len(s.versions) > 0 {
			return errEnd
		} else if version != "" && !slices.Contains(s.versions, version) {
			s.versions = append(s.versions, version)
		}
		if err := s.skip(size); err != nil {
			return err
		}
		if err := s.align(); err != nil {
			return err
		}
	}
}

// entry reads a file's header and name.
func (s *initrdReader) entry() (name string, size int64, err error) {
	h := make([]byte, cpioHeader)
	if err := s.read(h); err != nil {
		return "", 0, err
	}
	if !bytes.HasPrefix(h, []byte("07070")) || time.Now().After(s.deadline) {
		return "", 0, errEnd
	}
	if s.files++; s.files > maxFiles {
		return "", 0, errEnd
	}
	size, err = field(h, 6)
	length, errLength := field(h, 11)
	if err != nil || errLength != nil || length == 0 || length > maxName {
		return "", 0, errEnd
	}
	b := make([]byte, length)
	if err := s.read(b); err != nil {
		return "", 0, err
	}
	return string(b[:length-1]), size, s.align()
}

// field is one of the numbers of 8 digits that follow the magic.
func field(h []byte, n int) (int64, error) {
	v, err := strconv.ParseUint(string(h[6+8*n:][:8]), 16, 32)
	return int64(v), err
}

func (s *initrdReader) read(b []byte) error {
	n, err := io.ReadFull(s.in, b)
	s.at += int64(n)
	s.left -= int64(n)
	if s.left < 0 {
		return errEnd
	}
	return err
}

func (s *initrdReader) align() error { return s.skip(-s.at & 3) }

// skip passes over contents. In the file itself that costs nothing.
func (s *initrdReader) skip(n int64) error {
	s.at += n
	if buffered := int64(s.in.Buffered()); s.file != nil && n > buffered {
		if _, err := s.file.Seek(n-buffered, io.SeekCurrent); err != nil {
			return err
		}
		s.in.Reset(s.file)
		return nil
	}
	if s.left -= n; s.left < 0 {
		return errEnd
	}
	for n > 0 {
		if time.Now().After(s.deadline) {
			return errEnd
		}
		piece := min(n, 32<<10)
		if _, err := s.in.Discard(int(piece)); err != nil {
			return err
		}
		n -= piece
	}
	return nil
}

// moduleVersion takes the version out of a name, and tells whether it is in or
// is itself the directory of modules.
func moduleVersion(name string) (version string, inside bool) {
	name = strings.TrimPrefix(strings.TrimLeft(strings.TrimPrefix(name, "."), "/"), "usr/")
	rest, ok := strings.CutPrefix(name, "lib/modules/")
	if !ok {
		return "", name == "lib/modules"
	}
	version, _, _ = strings.Cut(rest, "/")
	return certain(version), true
}
