package history

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/guestrc/guestrc/pidfile"
)

// readMax bounds what is read of one file, from its end, in bytes: one that is
// larger has not come of Append alone.
const readMax = 4 << 20

// usual is more than most entries have, in bytes.
const usual = 2 << 10

// damagedMax is how many of the lines that were passed over are told one by one.
const damagedMax = 3

// Read returns all that is kept of a guest, the oldest first; nothing where
// nothing is. Lines that were not understood are in the error, a *DamagedError,
// and what the others say is returned all the same.
func (s Store) Read(guest string) ([]Entry, error) { return s.Last(guest, 0) }

// Last is Read for the last n entries; 0 stands for all.
func (s Store) Last(guest string, n int) ([]Entry, error) {
	if err := checkName(guest); err != nil {
		return nil, fmt.Errorf("cannot read the history of a guest: %w", err)
	}
	dir, err := pidfile.OpenDir(s.Dir, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the history of %s: %w", guest, err)
	}
	defer dir.Close()
	return s.last(dir, guest, n)
}

// All returns the last n entries of every guest (0: all of them) in the order of
// their times. Errors of some guests keep nothing of the others back.
func (s Store) All(n int) ([]Entry, error) {
	dir, err := pidfile.OpenDir(s.Dir, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the history of guests: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("cannot read the history of guests: %w", err)
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		guest, ok := strings.CutSuffix(name, suffix)
		return !ok || strings.HasPrefix(name, ".") || checkName(guest) != nil
	})
	slices.Sort(names)
	found, errs := make([][]Entry, len(names)), make([]error, len(names))
	each(len(names), func(i int) { found[i], errs[i] = s.last(dir, strings.TrimSuffix(names[i], suffix), n) })
	all := slices.Concat(found...)
	slices.SortStableFunc(all, byTime)
	return all, errors.Join(errs...)
}

// each calls do with 0 to n-1 on all processors.
func each(n int, do func(int)) {
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		group.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				do(int(i))
			}
		})
	}
	group.Wait()
}

func (s Store) last(dir *os.File, guest string, n int) ([]Entry, error) {
	f, err := pidfile.OpenFile(dir, guest+suffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the history of %s: %w", guest, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("cannot read the history of %s: %w", guest, err)
	}
	entries, bad, err := tail(f, info.Size(), guest, n)
	if err != nil {
		return nil, fmt.Errorf("cannot read the history of %s: %w", guest, err)
	}
	if len(bad) == 0 {
		return entries, nil
	}
	damage := &DamagedError{Path: s.path(guest), Count: len(bad)}
	for _, b := range bad[max(0, len(bad)-damagedMax):] {
		damage.Lines = append(damage.Lines, Damaged{lineOf(f, b.at), b.err})
	}
	return entries, damage
}

// fault is a line that was not understood, by its place in the file.
type fault struct {
	at  int64
	err error
}

// tail reads the last n entries of f, or all, from its end.
func tail(f io.ReaderAt, size int64, guest string, n int) ([]Entry, []fault, error) {
	window := int64(readMax)
	if n > 0 && n < readMax/usual {
		window = int64(n) * usual
	}
	for {
		start := max(0, size-window)
		data := make([]byte, size-start)
		got, err := f.ReadAt(data, start)
		if err != nil && err != io.EOF {
			return nil, nil, err
		}
		entries, bad := scan(data[:got], start, guest, n)
		if n == 0 || len(entries) >= n || start == 0 || window >= readMax {
			return entries, bad, nil
		}
		window = min(readMax, window*8)
	}
}

// scan reads lines from the end of data, which begins at the offset start of the
// file, until it has n entries; 0: all. What lacks its newline at the end is
// being written, or never was to its end. What comes before the first newline is
// a part of a line, unless the file begins there.
func scan(data []byte, start int64, guest string, n int) (entries []Entry, bad []fault) {
	end := bytes.LastIndexByte(data, '\n')
	for end >= 0 && (n == 0 || len(entries) < n) {
		begin := bytes.LastIndexByte(data[:end], '\n') + 1
		if begin == 0 && start > 0 {
			break
		}
		if text := bytes.TrimSpace(data[begin:end]); len(text) > 0 {
			e, err := parse(text, guest)
			if err != nil {
				bad = append(bad, fault{start + int64(begin), err})
			} else {
				entries = append(entries, e)
			}
		}
		end = begin - 1
	}
	slices.Reverse(entries)
	slices.Reverse(bad)
	return entries, bad
}

// lineOf counts the lines before a place; 0 when that is too far.
func lineOf(f io.ReaderAt, at int64) int {
	if at > readMax {
		return 0
	}
	before := make([]byte, at)
	if _, err := f.ReadAt(before, 0); err != nil && err != io.EOF {
		return 0
	}
	return 1 + bytes.Count(before, []byte{'\n'})
}
