package daemon

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
)

// status is what this package needs of proc_pid_status(5).
type status struct {
	uids, gids []int // real, effective, saved, for files
	namespaces int   // how many pid namespaces it has a number in, seen from ours on
	blocked    uint64
	ignored    uint64
	caught     uint64
}

// maxStatus is enough for 65,536 supplementary groups, which stand in it too.
const maxStatus = 1 << 20

var errStatus = errors.New("not in the form of proc_pid_status(5)")

func statusOf(p *pidfile.Process) (status, error) {
	text, err := p.ReadProc("status", maxStatus)
	if err != nil {
		return status{}, err
	}
	return parseStatus(text)
}

func parseStatus(text []byte) (s status, err error) {
	seen := 0
	for line := range bytes.Lines(text) {
		name, value, _ := strings.Cut(string(line), ":")
		fields, bad := strings.Fields(value), error(nil)
		switch name {
		case "Uid":
			s.uids, bad = numbers(fields)
		case "Gid":
			s.gids, bad = numbers(fields)
		case "NSpid":
			s.namespaces = len(fields)
		case "SigBlk":
			s.blocked, bad = signalSet(fields)
		case "SigIgn":
			s.ignored, bad = signalSet(fields)
		case "SigCgt":
			s.caught, bad = signalSet(fields)
		default:
			continue
		}
		if bad != nil {
			return status{}, errStatus
		}
		seen++
	}
	if seen != 6 || s.namespaces == 0 {
		return status{}, errStatus
	}
	return s, nil
}

func numbers(fields []string) (ids []int, err error) {
	for _, f := range fields {
		n, bad := strconv.ParseUint(f, 10, 32)
		ids, err = append(ids, int(n)), errors.Join(err, bad)
	}
	if len(ids) != 4 {
		err = errStatus
	}
	return ids, err
}

func signalSet(fields []string) (uint64, error) {
	if len(fields) != 1 {
		return 0, errStatus
	}
	return strconv.ParseUint(fields[0], 16, 64)
}

// all reports whether an id is the only one of real, effective and saved.
func all(ids []int, id int) bool {
	return !slices.ContainsFunc(ids[:3], func(i int) bool { return i != id })
}

func (s status) effective() int { return s.uids[1] }

// hears reports whether sig would not simply do what it does by default.
// Blocked is heard too: signalfd(2) and sigwait(3) want that.
func (s status) hears(sig unix.Signal) bool { return has(s.caught|s.blocked, sig) }

func (s status) ignores(sig unix.Signal) bool { return has(s.ignored, sig) }

func has(set uint64, sig unix.Signal) bool {
	return sig >= 1 && sig <= 64 && set&(1<<(uint(sig)-1)) != 0
}
