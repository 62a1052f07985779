package pid1

import (
	"errors"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// signals is a set of signals as proc_pid_status(5) writes it: signal 1 is the
// lowest bit.
type signals uint64

func (s signals) has(sig unix.Signal) bool {
	return sig >= 1 && sig <= 64 && s>>(sig-1)&1 == 1
}

func (s signals) hasAll(all ...unix.Signal) bool {
	for _, sig := range all {
		if !s.has(sig) {
			return false
		}
	}
	return true
}

// status is what this package needs of proc_pid_status(5).
type status struct {
	uid, gid uint32 // effective, as seen from here
	depth    int    // pid namespaces from ours down to its own
	inner    int    // its number in the innermost one

	pending signals // sent and not yet taken
	blocked signals
	ignored signals
	caught  signals

	caps uint64 // effective
}

var errStatus = errors.New("cannot parse the status: not in the form of proc_pid_status(5)")

// parseStatus reads the text. The kernel escapes newlines in the name, so no
// process can add lines of its own (fs/proc/array.c, proc_task_name).
func parseStatus(text string) (status, error) {
	s := status{depth: 1}
	wanted := map[string]func(fields []string) error{
		"Uid":    func(f []string) error { return effective(f, &s.uid) },
		"Gid":    func(f []string) error { return effective(f, &s.gid) },
		"SigPnd": func(f []string) error { return addSet(f, &s.pending) },
		"ShdPnd": func(f []string) error { return addSet(f, &s.pending) },
		"SigBlk": func(f []string) error { return addSet(f, &s.blocked) },
		"SigIgn": func(f []string) error { return addSet(f, &s.ignored) },
		"SigCgt": func(f []string) error { return addSet(f, &s.caught) },
		"CapEff": func(f []string) error { return addSet(f, (*signals)(&s.caps)) },
		"NSpid":  s.namespaces,
	}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(line, ":")
		if read, ok := wanted[key]; ok {
			if err := read(strings.Fields(value)); err != nil {
				return status{}, errStatus
			}
			delete(wanted, key)
		}
	}
	delete(wanted, "NSpid") // a kernel without pid namespaces
	if len(wanted) > 0 {
		return status{}, errStatus
	}
	return s, nil
}

// effective takes the second of the real, effective, saved and file system id.
func effective(fields []string, to *uint32) error {
	if len(fields) != 4 {
		return errStatus
	}
	n, err := strconv.ParseUint(fields[1], 10, 32)
	*to = uint32(n)
	return err
}

func addSet(fields []string, to *signals) error {
	if len(fields) != 1 {
		return errStatus
	}
	n, err := strconv.ParseUint(fields[0], 16, 64)
	*to |= signals(n)
	return err
}

func (s *status) namespaces(fields []string) error {
	if len(fields) == 0 {
		return errStatus
	}
	n, err := strconv.Atoi(fields[len(fields)-1])
	s.depth, s.inner = len(fields), n
	return err
}
