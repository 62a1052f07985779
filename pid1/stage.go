package pid1

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/guestrc/guestrc/pidfile"
)

// stage is how far a runit has come, judged by its children.
type stage int

const (
	stageUnknown stage = iota
	stageEarlier       // the first one, or between two
	stage2             // the only one in which "signals work" (runit.c)
)

// stageOf looks for the program that runit waits for. One that was forked and
// has not executed anything has its parent's argv.
func stageOf(p *pidfile.Process) stage {
	pid := strconv.Itoa(p.Pid())
	found, err := within(livePatience, func() (stage, error) {
		own, err := readProc("/proc/"+pid+"/cmdline", cmdlineSize)
		if err != nil {
			return stageUnknown, err
		}
		children, err := readProc("/proc/"+pid+"/task/"+pid+"/children", 4096)
		found := stageUnknown
		for _, child := range strings.Fields(children) {
			cmdline, err := readProc("/proc/"+child+"/cmdline", cmdlineSize)
			if err != nil {
				continue // it has ended
			}
			if s := stageBy(cmdline, own); s != stageUnknown {
				found = s
			}
			if found == stage2 {
				break
			}
		}
		return found, err
	})
	if err != nil {
		return stageUnknown
	}
	return found
}

func stageBy(cmdline, parent string) stage {
	argv := strings.Split(cmdline, "\x00")
	switch {
	case slices.Contains(argv, "/etc/runit/2") || path.Base(argv[0]) == "runsvdir":
		return stage2
	case slices.Contains(argv, "/etc/runit/1") || cmdline == parent:
		return stageEarlier
	}
	return stageUnknown
}
