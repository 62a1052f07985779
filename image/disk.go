package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// disk is what a guest sees, read within bounds.
type disk struct {
	ctx  context.Context
	r    io.ReaderAt
	size uint64
	left int // bytes that may still be read
}

// What one look at a disk may take. A table of partitions has 16 KiB, a directory
// rarely more than a few. The time is for images that are made to have clusters of
// 2 MiB unpacked for a few bytes of each.
const (
	readBudget = 8 << 20 // bytes
	maxTime    = 2 * time.Second
)

var (
	errTime   = errors.New("it takes too long")
	errBudget = errors.New("it takes too much reading")
	errBeyond = errors.New("something lies beyond the end of the disk")
)

// read returns n bytes. What is beyond the end is an error.
func (d *disk) read(at uint64, n int) ([]byte, error) {
	if d.ctx.Err() != nil {
		return nil, context.Cause(d.ctx)
	}
	if at > d.size || uint64(n) > d.size-at {
		return nil, errBeyond
	}
	if d.left -= max(n, 512); d.left < 0 {
		return nil, errBudget
	}
	b := make([]byte, n)
	read, err := d.r.ReadAt(b, int64(at))
	if read < n && (err == nil || err == io.EOF) {
		return nil, fmt.Errorf("cannot read the disk at %d: it ends there", at)
	}
	if read < n {
		return nil, err
	}
	return b, nil
}

// volume is a part of a disk, by bytes.
type volume struct {
	disk  *disk
	start uint64
	size  uint64
	name  string // for people: "partition 15", "the whole disk"
}

func (v volume) read(at uint64, n int) ([]byte, error) {
	if at > v.size || uint64(n) > v.size-at {
		return nil, errBeyond
	}
	return v.disk.read(v.start+at, n)
}

// zeros tells whether b holds nothing else.
func zeros(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
