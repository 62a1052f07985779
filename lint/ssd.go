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
