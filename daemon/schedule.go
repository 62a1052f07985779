package daemon

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/shutdown"
)

// maxNumber is the last signal that has the same number under every libc.
const maxNumber = 31

// ParseSignal reads a name as kill(1) takes it, in any case and with SIG or
// without, RTMIN+N, or a number up to 31. 0 is no signal: it asks whether the
// process is there.
func ParseSignal(text string) (unix.Signal, error) {
	if n, err := strconv.ParseUint(text, 10, 8); err == nil {
		if n > maxNumber {
			return 0, fmt.Errorf("cannot read signal %q: above %d numbers mean different signals to different libraries; write RTMIN+N", text, maxNumber)
		}
		return unix.Signal(n), nil
	}
	_, sig, err := shutdown.ParseSignal(strings.ToUpper(text))
	if err != nil {
		return 0, fmt.Errorf("cannot read signal %.40q: no signal has that name", text)
	}
	return sig, nil
}

// SignalName is TERM for SIGTERM.
func SignalName(sig unix.Signal) string {
	if name := unix.SignalName(sig); name != "" {
		return strings.TrimPrefix(name, "SIG")
	}
	if sig >= 34 {
		return fmt.Sprintf("RTMIN+%d", int(sig)-34) // as package shutdown counts
	}
	return strconv.Itoa(int(sig))
}

// ParseSchedule reads what start-stop-daemon(8) takes for --retry: a schedule
// such as TERM/20/KILL/5 or -TERM/20/9/5, or seconds, which stand for SIG/SECONDS/KILL/SECONDS.
func ParseSchedule(text string, sig unix.Signal) (shutdown.Schedule, error) {
	if _, err := strconv.ParseUint(text, 10, 64); err == nil {
		text = fmt.Sprintf("%s/%[2]s/KILL/%[2]s", SignalName(sig), text)
	}
	s, err := shutdown.Parse(spelled(text))
	if err == nil && s[0].Verb == shutdown.Forever {
		err = &shutdown.SyntaxError{Text: text, Col: 1, Msg: "it sends no signal", Hint: "for example TERM/20/KILL/5"}
	}
	return s, err
}

// spelled gives signals the names that package shutdown knows: start-stop-daemon
// takes -TERM and 15, too.
func spelled(schedule string) string {
	parts := strings.Split(schedule, "/")
	for i := 0; i < len(parts); i += 2 {
		name := strings.TrimPrefix(parts[i], "-")
		if sig, err := ParseSignal(name); err == nil && sig != 0 {
			parts[i] = SignalName(sig)
		}
	}
	return strings.Join(parts, "/")
}

// IsSeconds reports whether a schedule's text is seconds alone.
func IsSeconds(text string) bool {
	_, err := strconv.ParseUint(text, 10, 64)
	return err == nil
}
