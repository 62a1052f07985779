package pidfile

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// stat is what this package needs of proc_pid_stat(5).
type stat struct {
	pid   int
	state byte   // field 3
	ppid  int    // field 4
	flags uint64 // field 9
	cpu   int64  // fields 14 and 15, clock ticks: its threads in user and kernel mode
	waits int64  // fields 16 and 17, clock ticks: its children that it has waited for
	start uint64 // field 22, clock ticks since boot
	pages int64  // field 24, of memory that are resident
	exit  int    // field 52, a wait status; 0 also when we may not know
}

// kernelThread is PF_KTHREAD (include/linux/sched.h), in field 9.
const kernelThread = 0x00200000

var errStat = errors.New("cannot parse the stat line: not in the form of proc_pid_stat(5)")

// parseStat reads the line. The command's name stands in parentheses and may
// hold any byte, parentheses and newlines too, so the last one ends it.
func parseStat(line []byte) (stat, error) {
	open, end := bytes.IndexByte(line, '('), bytes.LastIndexByte(line, ')')
	if open < 2 || end < open {
		return stat{}, errStat
	}
	rest := bytes.Fields(line[end+1:])
	const first = 3 // the number of rest[0]
	if len(rest) < 52-first+1 || len(rest[0]) != 1 {
		return stat{}, errStat
	}
	var bad error
	number := func(text []byte) int64 {
		n, err := strconv.ParseInt(string(text), 10, 64)
		bad = errors.Join(bad, err)
		return n
	}
	s := stat{
		pid:   int(number(bytes.TrimSuffix(line[:open], []byte(" ")))),
		state: rest[0][0],
		ppid:  int(number(rest[4-first])),
		flags: uint64(number(rest[9-first])),
		cpu:   number(rest[14-first]) + number(rest[15-first]),
		waits: number(rest[16-first]) + number(rest[17-first]),
		start: uint64(number(rest[22-first])),
		pages: number(rest[24-first]),
		exit:  int(number(rest[52-first])),
	}
	if bad != nil {
		return stat{}, errStat
	}
	return s, nil
}

// readStat reads the line of whatever process has the number now.
func readStat(pid int) (stat, error) {
	line, err := readProc(fmt.Sprintf("/proc/%d/stat", pid), 4096)
	if err != nil {
		return stat{}, err
	}
	s, err := parseStat(line)
	if err == nil && s.pid != pid {
		err = errStat
	}
	return s, err
}
