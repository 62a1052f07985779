package shutdown

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// ParseSignal reads a signal's name, with or without SIG, in upper case as in
// start-stop-daemon(8); its canonical name is without. Numbers are refused:
// those above 31 mean different signals under glibc and musl. RTMIN+N counts
// from glibc's SIGRTMIN, 34 (signal(7)).
func ParseSignal(s string) (name string, sig unix.Signal, err error) {
	name = strings.TrimPrefix(s, "SIG")
	if n := unix.SignalNum("SIG" + name); n != 0 {
		return name, n, nil
	}
	var offset int
	if _, err := fmt.Sscanf(name, "RTMIN+%d", &offset); err == nil && offset >= 0 && offset <= 30 &&
		name == fmt.Sprintf("RTMIN+%d", offset) {
		return name, unix.Signal(34 + offset), nil
	}
	return "", 0, fmt.Errorf("cannot read signal %q: no signal has that name", clip(s))
}
