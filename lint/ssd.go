package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// ssd is one call of start-stop-daemon, its options read as getopt_long(3) does.
type ssd struct {
	call  *call
	opts  []ssdOption
	rest  []field // the program, if --exec does not name it, and what it is given
	args  []field // of the program, behind "--"
	vague bool    // there may be options that are not known
}

// ssdOption is one option: by its long name, or as it stands if OpenRC's has none
// such.
type ssdOption struct {
	name    string
	value   field
	word    *syntax.Word
	foreign bool
}

// option is the last one of a name.
func (d *ssd) option(name string) (found ssdOption, ok bool) {
	for _, o := range d.opts {
		if o.name == name && !o.foreign {
			found, ok = o, true
		}
	}
	return found, ok
}

func (d *ssd) has(names ...string) bool {
	for _, name := range names {
		if _, ok := d.option(name); ok {
			return true
		}
	}
	return false
}

// stops tells whether it signals: --signal alone does.
func (d *ssd) stops() bool { return d.has("stop", "signal") }

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

// readSSD reads a call of start-stop-daemon.
func (s *script) readSSD(c *call, args []*syntax.Word) *ssd {
	d := &ssd{call: c}
	d.read(s.fields(args))
	return d
}

func (d *ssd) read(fields []field) {
	for i := 0; i < len(fields); i++ {
		f := fields[i]
		switch {
		case f.text == "--":
			d.args = append(d.args, fields[i+1:]...)
			return
		case strings.HasPrefix(f.text, "--"):
			i += d.long(f, fields[i+1:])
		case len(f.text) > 1 && f.text[0] == '-':
			i += d.letters(f, fields[i+1:])
		default:
			d.vague = d.vague || f.loose || strings.HasPrefix(f.text, Hole) // it may be "-b"
			d.rest = append(d.rest, f)
		}
	}
}

// long reads "--name", "--name=value" and "--name value", and returns how many
// words more than its own it took.
func (d *ssd) long(f field, next []field) int {
	name, value, with := strings.Cut(f.text[2:], "=")
	long, takes, ok := longOption(name)
	switch {
	case strings.Contains(name, Hole) || strings.Contains(name, "@"):
		d.vague = true
	case !ok:
		d.opts = append(d.opts, ssdOption{name: "--" + name, word: f.word, foreign: true})
	case with || !takes:
		d.opts = append(d.opts, ssdOption{name: long, value: field{text: value, word: f.word}, word: f.word})
	case len(next) == 0:
		d.vague = true
	default:
		d.opts = append(d.opts, ssdOption{name: long, value: next[0], word: f.word})
		return 1
	}
	return 0
}

// letters reads "-bm", "-x value" and "-xvalue".
func (d *ssd) letters(f field, next []field) int {
	for i := 1; i < len(f.text); i++ {
		if strings.HasPrefix(f.text[i:], Hole) {
			d.vague = true
			return 0
		}
		long, takes, ok := letterOption(f.text[i])
		switch {
		case !ok:
			d.opts = append(d.opts, ssdOption{name: "-" + f.text[i:i+1], word: f.word, foreign: true})
			return 0
		case !takes:
			d.opts = append(d.opts, ssdOption{name: long, word: f.word})
		case i+1 < len(f.text):
			d.opts = append(d.opts, ssdOption{name: long, value: field{text: f.text[i+1:], word: f.word}, word: f.word})
			return 0
		case len(next) == 0:
			d.vague = true
			return 0
		default:
			d.opts = append(d.opts, ssdOption{name: long, value: next[0], word: f.word})
			return 1
		}
	}
	return 0
}
