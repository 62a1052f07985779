package cgroup

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
)

// Usage is what has been used by all that is or was in some groups and below
// them.
type Usage struct {
	CPU     time.Duration
	Memory  uint64 // bytes in use, but for cached files that were not read again
	Limit   uint64 // bytes of memory that the group may use; 0: as many as there are
	Read    uint64 // bytes from block devices; 0 also where no hierarchy counts them
	Written uint64
	Procs   int // processes and threads where the kernel counts them (controller pids), else processes
}

// Measure reads the usage of the groups that a guest has in several hierarchies;
// what two of them count, such as processor time, is not counted twice. Where no
// controller counts processor time or memory, the processes are asked one by
// one: memory that several share counts for each. Of groups that are absent
// there is nothing to tell: ErrNotExist.
func Measure(groups []Group) (Usage, error) {
	nodes, closeAll, err := openAll(groups)
	if err == nil && len(nodes) == 0 {
		err = os.ErrNotExist
	}
	if err != nil {
		return Usage{}, fmt.Errorf("cannot measure control groups: %w", err)
	}
	defer closeAll()
	var u Usage
	var errs []error
	for _, n := range nodes {
		errs = append(errs, n.measure(&u))
	}
	if u.CPU == 0 || u.Memory == 0 || u.Procs == 0 {
		summed, err := sum(nodes)
		errs = append(errs, err)
		u.CPU, u.Memory, u.Procs = cmp.Or(u.CPU, summed.CPU), cmp.Or(u.Memory, summed.Memory), cmp.Or(u.Procs, summed.Procs)
	}
	if err := errors.Join(errs...); err != nil {
		return Usage{}, fmt.Errorf("cannot measure control groups: %w", err)
	}
	return u, nil
}

// measure adds what this hierarchy counts: cgroup-v2.rst, and memory.rst,
// cpuacct.rst and blkio-controller.rst of Documentation/admin-guide/cgroup-v1.
func (n node) measure(u *Usage) error {
	files := n.unified
	if n.version == 1 {
		files = n.legacy
	}
	if err := files(u); err != nil && !vanished(err) {
		return err
	}
	return nil
}

func (n node) unified(u *Usage) error {
	cpu, err := n.value("cpu.stat", "usage_usec")
	memory, err2 := n.value("memory.current", "")
	inactive, err3 := n.value("memory.stat", "inactive_file")
	limit, err4 := n.value("memory.max", "")
	procs, err5 := n.value("pids.current", "")
	u.take(time.Duration(cpu)*time.Microsecond, memory, inactive, limit, procs)
	return errors.Join(err, err2, err3, err4, err5, n.transferred(u, "io.stat", parseStat))
}

// unlimited is what version 1 says at least where nothing limits memory:
// LONG_MAX in whole pages.
const unlimited = 1 << 62

func (n node) legacy(u *Usage) error {
	cpu, err := n.value("cpuacct.usage", "")
	memory, err2 := n.value("memory.usage_in_bytes", "")
	inactive, err3 := n.value("memory.stat", "total_inactive_file")
	limit, err4 := n.value("memory.limit_in_bytes", "")
	if limit >= unlimited {
		limit = 0
	}
	procs, err5 := n.value("pids.current", "")
	u.take(time.Duration(cpu), memory, inactive, limit, procs)
	return errors.Join(err, err2, err3, err4, err5, n.transferred(u, "blkio.throttle.io_service_bytes_recursive", parseService))
}

// take keeps the greater of what two hierarchies say: one of them may count
// nothing.
func (u *Usage) take(cpu time.Duration, memory, inactive, limit, procs uint64) {
	u.CPU = max(u.CPU, cpu)
	u.Memory = max(u.Memory, memory-min(inactive, memory))
	u.Limit = max(u.Limit, limit)
	u.Procs = max(u.Procs, int(procs))
}

// value reads a number from a file of the group, or that behind a key; 0 where
// there is no such file or key, and for "max".
func (n node) value(name, key string) (uint64, error) {
	text, err := n.read(name)
	if vanished(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return number(text, key), nil
}

func number(text, key string) uint64 {
	for line := range strings.Lines(text) {
		value, ok := strings.TrimSpace(line), key == ""
		if !ok {
			value, ok = strings.CutPrefix(value, key+" ")
		}
		if n, err := strconv.ParseUint(value, 10, 64); ok && err == nil {
			return n
		}
	}
	return 0
}

// transferred adds up bytes of block devices. One that stands on others, such
// as an encrypted one, is left out: these count the same bytes.
func (n node) transferred(u *Usage, name string, parse func(line string) (device string, read, written uint64)) error {
	f, err := n.file(name, unix.O_RDONLY)
	if vanished(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	var read, written uint64
	in := bufio.NewScanner(f)
	for in.Scan() {
		device, r, w := parse(in.Text())
		if r+w > 0 && !stacked(device) {
			read, written = read+r, written+w
		}
	}
	u.Read, u.Written = max(u.Read, read), max(u.Written, written)
	return in.Err()
}

// parseStat reads a line of io.stat: "8:0 rbytes=1 wbytes=2 rios=3 …".
func parseStat(line string) (device string, read, written uint64) {
	fields := strings.Fields(line)
	if len(fields) == 0 {
		return "", 0, 0
	}
	for _, field := range fields[1:] {
		key, value, _ := strings.Cut(field, "=")
		n, err := strconv.ParseUint(value, 10, 64)
		switch {
		case err != nil:
		case key == "rbytes":
			read = n
		case key == "wbytes":
			written = n
		}
	}
	return fields[0], read, written
}

// parseService reads a line of blkio.throttle.io_service_bytes: "8:0 Read 1".
func parseService(line string) (device string, read, written uint64) {
	fields := strings.Fields(line)
	if len(fields) != 3 {
		return "", 0, 0 // "Total 1"
	}
	n, err := strconv.ParseUint(fields[2], 10, 64)
	switch {
	case err != nil:
	case fields[1] == "Read":
		read = n
	case fields[1] == "Write":
		written = n
	}
	return fields[0], read, written
}

// stacked reports whether a block device, "253:0", is made of others.
func stacked(device string) bool {
	f, err := os.Open("/sys/dev/block/" + device + "/slaves")
	if err != nil {
		return false
	}
	defer f.Close()
	below, err := f.Readdirnames(1)
	return len(below) > 0 && (err == nil || err == io.EOF)
}

// sum asks the processes. What has ended is counted by its parent, once that has
// waited for it.
func sum(nodes []node) (u Usage, err error) {
	var pids []int
	for _, n := range nodes {
		found, err := n.procs()
		if err != nil && !vanished(err) {
			return u, err
		}
		pids = append(pids, found...)
	}
	slices.Sort(pids)
	for _, pid := range slices.Compact(pids) {
		p, err := pidfile.Capture(pid)
		if err != nil {
			continue // it has ended
		}
		used, err := p.Usage()
		p.Close()
		if err != nil {
			continue
		}
		u.CPU += used.CPU + used.Children
		u.Memory += used.Resident
		u.Procs++
	}
	return u, nil
}
