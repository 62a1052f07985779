package image

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"io"
	"sync"
)

// Bits of L1 and L2 entries (QEMU, docs/interop/qcow2.txt, "Cluster mapping").
const (
	entryOffset     = 0x00fffffffffffe00
	entryCompressed = 1 << 62
	entryZero       = 1 << 0 // since version 3
)

// readClusters reads from a qcow2 image. p does not go beyond the disk's end.
func (i *Image) readClusters(p []byte, at uint64) (n int, err error) {
	cluster := uint64(1) << i.qcow.clusterBits
	for n < len(p) {
		within := at % cluster
		part := p[n:]
		part = part[:min(uint64(len(part)), cluster-within)]
		if err := i.readCluster(part, at, within); err != nil {
			return n, err
		}
		n, at = n+len(part), at+uint64(len(part))
	}
	return n, nil
}

func (i *Image) readCluster(p []byte, at, within uint64) error {
	entry, err := i.entry(at)
	switch {
	case err != nil:
		return err
	case entry&entryCompressed != 0:
		return i.readCompressed(p, entry&^(3<<62), within)
	case entry&entryZero != 0 && i.qcow.version < 3:
		return i.damaged("a cluster of zeros, which qcow2 of version 2 has not")
	case entry&entryZero != 0:
		clear(p)
		return nil
	case entry&entryOffset == 0:
		return i.readBacking(p, at)
	}
	host := entry & entryOffset
	if host%(1<<i.qcow.clusterBits) != 0 {
		return i.damaged("a cluster is at no possible place")
	}
	if host >= i.length {
		return i.damaged("the file is cut off")
	}
	read, err := i.file.ReadAt(p, int64(host+within))
	if err == io.EOF { // the last cluster may be shorter
		clear(p[read:])
		err = nil
	}
	return err
}

// entry looks an offset up in L1 and L2; 0 is what nothing is mapped to.
func (i *Image) entry(at uint64) (uint64, error) {
	bits := uint64(i.qcow.clusterBits)
	l2, err := i.word(i.qcow.l1 + at>>(2*bits-3)*8)
	if l2 &= entryOffset; err != nil || l2 == 0 {
		return 0, err
	}
	if l2%(1<<bits) != 0 {
		return 0, i.damaged("an L2 table is at no possible place")
	}
	return i.word(l2 + at>>bits%(1<<(bits-3))*8)
}

func (i *Image) word(at uint64) (uint64, error) {
	if at > 1<<62 {
		return 0, i.damaged("a table is at no possible place")
	}
	var b [8]byte
	if n, err := i.file.ReadAt(b[:], int64(at)); n < len(b) {
		return 0, &UnreadableError{i.Path, cutOff("its tables", err).Error()}
	}
	return binary.BigEndian.Uint64(b[:]), nil
}

func (i *Image) damaged(why string) error { return &UnreadableError{i.Path, "damaged qcow2: " + why} }

// readBacking reads what the image has not got; the backing file may be shorter.
func (i *Image) readBacking(p []byte, at uint64) error {
	switch {
	case i.backingErr != nil:
		return i.backingErr
	case i.backing == nil && i.qcow.backing != "":
		return &UnreadableError{i.Path, "what it stands on is not followed: " + i.qcow.backing}
	case i.backing == nil:
		clear(p)
		return nil
	}
	n, err := i.backing.ReadAt(p, int64(at))
	if err == io.EOF {
		clear(p[n:])
		err = nil
	}
	return err
}

// unpacked keeps the clusters that were last decompressed, as those who look at
// a disk read here and there in the same ones.
type unpacked struct {
	sync.Mutex
	clusters [4]struct {
		entry uint64
		data  []byte // the beginning of it; empty for none
	}
	next int
}

// readCompressed reads from a cluster that begins anywhere and takes up a number
// of sectors, the first of which is not counted ("Compressed Clusters Descriptor").
func (i *Image) readCompressed(p []byte, descriptor, within uint64) error {
	i.unpacked.Lock()
	defer i.unpacked.Unlock()
	u := &i.unpacked
	for _, c := range u.clusters {
		if c.entry == descriptor && uint64(len(c.data)) >= within+uint64(len(p)) {
			copy(p, c.data[within:])
			return nil
		}
	}
	cluster := uint64(1) << i.qcow.clusterBits
	data, err := i.decompress(descriptor, min(cluster, (within+uint64(len(p)))*2))
	if err != nil {
		return err
	}
	slot := &u.clusters[u.next]
	u.next = (u.next + 1) % len(u.clusters)
	slot.entry, slot.data = descriptor, data
	copy(p, data[within:])
	return nil
}

// decompress unpacks the first bytes of a cluster: mostly a few are wanted, and
// a whole one of 2 MiB takes 7 ms.
func (i *Image) decompress(descriptor, wanted uint64) ([]byte, error) {
	if i.qcow.zstd {
		return nil, &UnreadableError{i.Path, "some of it is compressed by zstd"}
	}
	bits := i.qcow.clusterBits
	split := 62 - (bits - 8)
	host := descriptor & (1<<split - 1)
	size := (descriptor>>split+1)*512 - host%512
	if host > 1<<61 {
		return nil, i.damaged("a cluster is at no possible place")
	}
	in := make([]byte, min(size, 2<<bits)) // a cluster that does not shrink is not compressed
	n, err := i.file.ReadAt(in, int64(host))
	if err != nil && err != io.EOF {
		return nil, err
	}
	out := make([]byte, wanted)
	_, err = io.ReadFull(flate.NewReader(bytes.NewReader(in[:n])), out)
	if err != nil {
		return nil, i.damaged("a compressed cluster cannot be unpacked")
	}
	return out, nil
}
