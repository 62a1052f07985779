package lint

import "strings"

// ssdTable is what start-stop-daemon(8) of OpenRC 0.63 and before it has: the long
// name, the letter, and whether a value follows.
var ssdTable = []struct {
	long   string
	letter byte
	value  bool
}{
	{"background", 'b', false}, {"capabilities", 0, true}, {"chdir", 'd', true}, {"chroot", 'r', true}, {"chuid", 'c', true},
	{"env", 'e', true}, {"exec", 'x', true}, {"group", 'g', true}, {"help", 'h', false}, {"interpreted", 'i', false},
	{"ionice", 'I', true}, {"make-pidfile", 'm', false}, {"name", 'n', true}, {"nicelevel", 'N', true}, {"no-new-privs", 0, false},
	{"nocolor", 'C', false}, {"notify", 0, true}, {"oknodo", 'o', false}, {"oom-score-adj", 0, true}, {"pidfile", 'p', true},
	{"progress", 'P', false}, {"quiet", 'q', false}, {"retry", 'R', true}, {"scheduler", 0, true}, {"scheduler-priority", 0, true},
	{"secbits", 0, true}, {"signal", 's', true}, {"start", 'S', false}, {"startas", 'a', true}, {"stderr", '2', true},
	{"stderr-logger", '4', true}, {"stdin", '0', true}, {"stdout", '1', true}, {"stdout-logger", '3', true}, {"stop", 'K', false},
	{"stop-group", 'G', false}, {"test", 't', false}, {"umask", 'k', true}, {"user", 'u', true}, {"verbose", 'v', false},
	{"version", 'V', false}, {"wait", 'w', true},
}

// longOption finds an option by its name, or by a beginning that no other has.
func longOption(name string) (long string, value, ok bool) {
	matches := 0
	for _, o := range ssdTable {
		if o.long == name {
			return o.long, o.value, true
		}
		if strings.HasPrefix(o.long, name) {
			long, value = o.long, o.value
			matches++
		}
	}
	return long, value, matches == 1
}

// letterOption finds an option by its letter; -U is of the releases with user
// services, and shares its long name.
func letterOption(letter byte) (long string, value, ok bool) {
	for _, o := range ssdTable {
		if o.letter == letter && letter != 0 {
			return o.long, o.value, true
		}
	}
	return "user-mode", false, letter == 'U'
}
