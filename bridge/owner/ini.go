package owner

import (
	"iter"
	"strings"
)

// logicalLines gives the lines with their numbers, those joined that end in a
// backslash.
func logicalLines(text string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		n, first := 0, 0
		var joined strings.Builder
		for line := range strings.Lines(text) {
			n++
			if first == 0 {
				first = n
			}
			line = strings.TrimRight(line, "\r\n")
			rest, more := strings.CutSuffix(line, "\\")
			joined.WriteString(rest)
			if more {
				joined.WriteByte(' ')
				continue
			}
			if !yield(first, joined.String()) {
				return
			}
			first = 0
			joined.Reset()
		}
		if first > 0 {
			yield(first, joined.String())
		}
	}
}

// setting is one line of an ini file.
type setting struct {
	section, key, value string
	line                int
}

// ini reads what systemd.syntax(7) and nm-settings-keyfile(5) have in common.
func ini(text string) (settings []setting) {
	section := ""
	for n, line := range logicalLines(text) {
		line = strings.TrimSpace(line)
		switch key, value, ok := strings.Cut(line, "="); {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '[':
			section = strings.TrimSuffix(line[1:], "]")
		case ok:
			settings = append(settings, setting{section, strings.TrimSpace(key), strings.TrimSpace(value), n})
		}
	}
	return settings
}

// get returns the last setting of a key.
func get(settings []setting, section, key string) (found setting) {
	for _, s := range settings {
		if s.section == section && s.key == key {
			found = s
		}
	}
	return found
}
