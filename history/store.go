package history

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/guestrc/guestrc/pidfile"
)

// Store is a directory with a file for each guest, KIND.NAME.jsonl, and a lock
// beside it. Everybody may read it. Several programs may use it at the same time.
type Store struct {
	Dir string // absolute
	Max int64  // bytes of a file, above which its older half goes; 0: 256 KiB
}

const (
	maxSize    = 256 << 10 // some 500 starts and stops
	suffix     = ".jsonl"
	lockSuffix = ".lock" // one for each guest, as new files and shortened ones wait for the disk under it
)

// lockTime is how long an append waits for others, which take milliseconds: a
// guest's stop is not to wait for one that hangs.
const lockTime = 5 * time.Second

// Append adds e to what is kept of its guest, and returns once it is on the
// disk. After a crash at any point the entry is there as a whole or, at worst,
// as a torn line that readers pass over; no other is lost.
func (s Store) Append(ctx context.Context, e Entry) error {
	failed := func(err error) error { return fmt.Errorf("cannot write the history of %s: %w", e.Guest, err) }
	if err := checkName(e.Guest); err != nil {
		return failed(err)
	}
	text, err := line(e)
	if err != nil {
		return failed(err)
	}
	dir, err := pidfile.OpenDir(s.Dir, true)
	if err != nil {
		return failed(err)
	}
	defer dir.Close()
	f, err := s.append(ctx, dir, e.Guest, text)
	if err != nil {
		return failed(err)
	}
	// The lock is not held for this: a file that took the place of this one
	// meanwhile is on the disk already.
	err = f.Sync()
	if err = errors.Join(err, f.Close()); err != nil {
		return failed(err)
	}
	return nil
}

// append writes text under the guest's lock. The lock is a file that only its
// owner can open: anybody could hold one on what all may read.
func (s Store) append(ctx context.Context, dir *os.File, guest string, text []byte) (_ *os.File, err error) {
	name := guest + suffix
	ctx, cancel := context.WithTimeout(ctx, lockTime)
	defer cancel()
	unlock, err := pidfile.LockNamed(ctx, dir, guest+lockSuffix)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	f, made, err := pidfile.OpenAppend(dir, name)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if made {
		if err := pidfile.SyncDir(dir); err != nil {
			return nil, err
		}
	}
	size, err := add(f, text)
	if err == nil && size > s.max() {
		err = s.shorten(dir, f, name, size)
	}
	return f, err
}

// add writes text at the end of f, on a line of its own: a crash or a full disk
// may have torn the last one. What it cannot write whole it takes back.
func add(f *os.File, text []byte) (size int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	size = info.Size()
	last := []byte{'\n'}
	if size > 0 {
		if _, err := f.ReadAt(last, size-1); err != nil {
			return 0, err
		}
	}
	if last[0] != '\n' {
		text = append([]byte{'\n'}, text...)
	}
	if _, err := f.Write(text); err != nil {
		return 0, errors.Join(err, f.Truncate(size))
	}
	return size + int64(len(text)), nil
}

// shorten keeps the newer half of a file, from the first whole line on.
func (s Store) shorten(dir, f *os.File, name string, size int64) error {
	keep := make([]byte, s.max()/2)
	if _, err := f.ReadAt(keep, size-int64(len(keep))); err != nil && err != io.EOF {
		return err
	}
	_, newer, _ := strings.Cut(string(keep), "\n")
	return pidfile.WriteFile(dir, name, []byte(newer), 0o644)
}

func (s Store) max() int64 {
	if s.Max > 0 {
		return s.Max
	}
	return maxSize
}

// nameLetters are those of guests' names.
const nameLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

// checkName wants KIND.NAME, which is a file's name then.
func checkName(guest string) error {
	kind, name, ok := strings.Cut(guest, ".")
	if !ok || kind == "" || name == "" || len(guest) > 200 || strings.Trim(guest, nameLetters) != "" {
		return fmt.Errorf("%.80q is no guest's name", guest)
	}
	return nil
}

// path of the file of a guest, for messages.
func (s Store) path(guest string) string { return filepath.Join(s.Dir, guest+suffix) }
