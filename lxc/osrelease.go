package lxc

import (
	"context"
	"strings"
	"unicode"

	"github.com/guestrc/guestrc/pid1"
	"github.com/guestrc/guestrc/pidfile"
)

// osReleases are where a system says what it is (os-release(5)), as seen inside.
var osReleases = []string{"/etc/os-release", "/usr/lib/os-release"}

// osReleaseMax is more than any os-release has, in bytes.
const osReleaseMax = 16 << 10

// seen is what a look into a container tells.
type seen struct{ init, os string }

// lookInside tells what PID 1 is, and what the container says that it runs:
// nothing of what does not come in time, as whoever is inside may keep us waiting
// for its files.
func lookInside(ctx context.Context, init *pidfile.Process) seen {
	kind, os := make(chan string, 1), make(chan string, 1)
	go func() {
		is, err := pid1.Look(init)
		if err != nil {
			is.Kind = ""
		}
		kind <- string(is.Kind)
	}()
	go func() { os <- systemOf(init) }()
	var s seen
	for range 2 {
		select {
		case s.init = <-kind:
		case s.os = <-os:
		case <-ctx.Done():
			return s
		}
	}
	return s
}

// systemOf is PRETTY_NAME of the container's os-release, empty where it has none.
func systemOf(init *pidfile.Process) string {
	root, err := pid1.RootOf(init)
	if err != nil {
		return ""
	}
	defer root.Close()
	for _, name := range osReleases {
		if text, err := root.ReadFile(name, osReleaseMax); err == nil {
			return releaseValue(string(text), prettyName)
		}
	}
	return ""
}

// prettyName is the variable of a system's name for people.
const prettyName = "PRETTY_NAME"

// releaseMax is how much of a value is kept, in characters.
const releaseMax = 64

// releaseValue finds a variable, whose value is quoted as for a shell, and keeps
// what can be printed.
func releaseValue(text, variable string) string {
	for line := range strings.Lines(text) {
		value, ok := strings.CutPrefix(strings.TrimSpace(line), variable+"=")
		if !ok {
			continue
		}
		if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
			value = value[1 : n-1]
		}
		var name []rune
		escaped := false
		for _, r := range value {
			if escaped = r == '\\' && !escaped; escaped {
				continue
			}
			if !unicode.IsPrint(r) {
				r = unicode.ReplacementChar
			}
			if name = append(name, r); len(name) == releaseMax {
				break
			}
		}
		return strings.TrimSpace(string(name))
	}
	return ""
}
