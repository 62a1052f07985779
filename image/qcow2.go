package image

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// qcow2 is a header (QEMU, docs/interop/qcow2.txt). All numbers there are
// big-endian.
type qcow2 struct {
	version       uint32
	clusterBits   uint32
	size          uint64 // of the disk
	l1            uint64 // where the table is
	backing       string // the name of what it stands on, as it is recorded
	backingFormat string
	data          string // the name of an external data file
	zstd          bool   // what compresses clusters; else it is deflate
	unreadable    string // why the disk is not looked at
}

const (
	// What QEMU itself accepts: MIN_CLUSTER_BITS, MAX_CLUSTER_BITS and
	// QCOW_MAX_L1_SIZE in block/qcow2.h.
	minClusterBits = 9
	maxClusterBits = 21
	maxL1Bytes     = 32 << 20

	maxBackingName = 1023
	maxFormatName  = 64
	maxDataName    = 4095 // PATH_MAX
	maxExtensions  = 64
)

// Bits of the incompatible features.
const (
	featureDirty       = 1 << 0 // reference counts are stale; what is mapped is not
	featureCorrupt     = 1 << 1
	featureData        = 1 << 2
	featureCompression = 1 << 3
	featureExtendedL2  = 1 << 4
)

// Types of header extensions.
const (
	extensionEnd     = 0
	extensionBacking = 0xE2792ACA
	extensionData    = 0x44415441
)

const qcow2V2Header = 72 // bytes; of version 3 the header says it

func readQcow2(r io.ReaderAt) (*qcow2, error) {
	h := make([]byte, 112)
	n, err := r.ReadAt(h, 0)
	if n < qcow2V2Header {
		return nil, cutOff("its qcow2 header", err)
	}
	be32, be64 := binary.BigEndian.Uint32, binary.BigEndian.Uint64
	q := &qcow2{version: be32(h[4:]), clusterBits: be32(h[20:]), size: be64(h[24:]), l1: be64(h[40:])}
	switch {
	case q.version != 2 && q.version != 3:
		return nil, fmt.Errorf("qcow2 of an unknown version, %d", q.version)
	case q.clusterBits < minClusterBits || q.clusterBits > maxClusterBits:
		return nil, errors.New("damaged qcow2 header: no possible size of clusters")
	}
	length := uint64(qcow2V2Header)
	if q.version == 3 {
		if n < 104 {
			return nil, cutOff("its qcow2 header", err)
		}
		length = uint64(be32(h[100:]))
		if length < 104 || length > 1<<q.clusterBits {
			return nil, errors.New("damaged qcow2 header: no possible length")
		}
		q.features(be64(h[72:]), h[104:n], length)
	}
	if be32(h[32:]) != 0 {
		q.unreadable = "it is encrypted"
	}
	if err := q.table(uint64(be32(h[36:]))); err != nil {
		return nil, err
	}
	if err := q.extensions(r, length, be64(h[8:])); err != nil {
		return nil, err
	}
	if at, size := be64(h[8:]), be32(h[16:]); at != 0 && size > 0 {
		if size > maxBackingName {
			return nil, errors.New("damaged qcow2 header: the name of the backing file is too long")
		}
		q.backing, err = text(r, at, size)
	}
	return q, err
}

// features says what of them stands in the way of reading.
func (q *qcow2) features(bits uint64, more []byte, length uint64) {
	known := uint64(featureDirty | featureCorrupt | featureData | featureCompression | featureExtendedL2)
	switch {
	case bits&^known != 0:
		q.unreadable = fmt.Sprintf("it needs features of qcow2 that are not known here (%#x)", bits&^known)
	case bits&featureData != 0:
		q.unreadable = "its data is in another file"
	case bits&featureExtendedL2 != 0:
		q.unreadable = "it has extended L2 entries"
	case bits&featureCorrupt != 0:
		q.unreadable = "it is marked as corrupt"
	case bits&featureCompression != 0 && length > 104 && len(more) > 0 && more[0] > 1:
		q.unreadable = "it is compressed in an unknown way"
	}
	q.zstd = bits&featureCompression != 0
}

// table checks that L1 covers the disk.
func (q *qcow2) table(entries uint64) error {
	covers := uint64(1) << (2*q.clusterBits - 3) // bytes by one entry
	switch {
	case q.size > 1<<63-1:
		return errors.New("damaged qcow2 header: no possible size of the disk")
	case entries*8 > maxL1Bytes || entries < q.size/covers || entries == q.size/covers && q.size%covers != 0:
		return errors.New("damaged qcow2 header: the L1 table does not fit the disk's size")
	case q.l1%(1<<q.clusterBits) != 0:
		return errors.New("damaged qcow2 header: the L1 table is at no possible place")
	}
	return nil
}

// extensions reads what lies between the header and the name of the backing
// file, within the first cluster.
func (q *qcow2) extensions(r io.ReaderAt, at, end uint64) error {
	if cluster := uint64(1) << q.clusterBits; end == 0 || end > cluster {
		end = cluster
	}
	for range maxExtensions {
		head := make([]byte, 8)
		if at+8 > end {
			return nil
		}
		if _, err := r.ReadAt(head, int64(at)); err != nil {
			return nil // a header may end with the file
		}
		kind, size := binary.BigEndian.Uint32(head), binary.BigEndian.Uint32(head[4:])
		at += 8
		if kind == extensionEnd {
			return nil
		}
		if uint64(size) > end-at {
			return errors.New("damaged qcow2 header: an extension is longer than its room")
		}
		if err := q.extension(r, kind, size, at); err != nil {
			return err
		}
		at += (uint64(size) + 7) &^ 7
	}
	return errors.New("damaged qcow2 header: it has too many extensions")
}

func (q *qcow2) extension(r io.ReaderAt, kind, size uint32, at uint64) (err error) {
	switch {
	case kind == extensionBacking && size <= maxFormatName:
		q.backingFormat, err = text(r, at, size)
	case kind == extensionData && size <= maxDataName:
		q.data, err = text(r, at, size)
	}
	return err
}

func text(r io.ReaderAt, at uint64, size uint32) (string, error) {
	if at > 1<<maxClusterBits {
		return "", errors.New("damaged qcow2 header: a name is outside it")
	}
	b := make([]byte, size)
	if n, err := r.ReadAt(b, int64(at)); n < len(b) {
		return "", cutOff("its qcow2 header", err)
	}
	return string(b), nil
}

func cutOff(what string, err error) error {
	if err == nil || err == io.EOF {
		return fmt.Errorf("the file ends within %s", what)
	}
	return fmt.Errorf("cannot read %s: %w", what, bare(err))
}
