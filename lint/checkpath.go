package lint

import (
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// checked is one call of checkpath(8).
type checked struct {
	owner string // "user:group", with Holes; empty: root
	shown string // as it is written
	mode  string
	file  bool // --file; else --directory
	paths []field
}

// checkpath reads a call's options.
func (s *script) checkpath(args []*syntax.Word) (c checked) {
	fields := s.fields(args)
	for i := 0; i < len(fields); i++ {
		text := fields[i].text
		name, value, with := strings.Cut(text, "=")
		switch {
		case name == "--owner" || name == "--mode":
			if !with && i+1 < len(fields) {
				i++
				value = fields[i].text
			}
			c.set(name[2], value, bare(s.source(fields[i].word)))
		case name == "--file" || name == "--file-truncate":
			c.file = true
		case strings.HasPrefix(text, "--"):
		case len(text) > 1 && text[0] == '-':
			taken := c.letters(text[1:], fields[i:])
			if taken > 0 && c.shown == "" && c.owner != "" {
				c.shown = bare(s.source(fields[i+1].word))
			}
			i += taken
		default:
			c.paths = append(c.paths, fields[i])
		}
	}
	return c
}

// letters reads "-fo" and the like, which is the first of the words, and returns
// how many more it took.
func (c *checked) letters(text string, next []field) int {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case 'f', 'F':
			c.file = true
		case 'o', 'm':
			if i+1 < len(text) {
				c.set(text[i], text[i+1:], "")
				return 0
			}
			if len(next) < 2 {
				return 0
			}
			c.set(text[i], next[1].text, "")
			return 1
		}
	}
	return 0
}

func (c *checked) set(letter byte, value, shown string) {
	if letter == 'o' {
		c.owner, c.shown = value, shown
	} else {
		c.mode = value
	}
}

// writer is who may write there besides root; empty for nobody, or if it is not
// known.
func (c *checked) writer() string {
	mode, err := strconv.ParseUint(c.mode, 8, 16)
	if err != nil {
		mode = 0o755
		if c.mode != "" {
			mode = 0o700 // whatever it is, an owner can change it
		}
	}
	user, group, _ := strings.Cut(c.owner, ":")
	switch {
	case user != "" && user != "root" && user != "0":
		if strings.Contains(user, Hole) { // only for somebody else is an owner named
			user, _, _ = strings.Cut(c.shown[strings.LastIndexByte(c.shown, '=')+1:], ":")
		}
		return user
	case mode&0o002 != 0:
		return "every user"
	case mode&0o020 != 0 && group != "" && group != "root" && group != "0":
		return "the group " + readable(group)
	}
	return ""
}
