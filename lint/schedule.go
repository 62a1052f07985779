package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// schedule holds a stop schedule against what OpenRC's parse_schedule() makes of
// it: without a slash it is seconds after the usual signal; else items in turn, a
// number being seconds, "forever" a loop, and all else a signal.
func (s *script) schedule(text string, at syntax.Pos) {
	if text == "" || strings.Contains(text, "@") {
		return
	}
	if strings.ContainsAny(text, " \t\n,") && !strings.Contains(text, Hole) {
		s.report("GL614", at, "", "the schedule %q has a gap: what is behind it is not read", text)
		return
	}
	items := strings.Split(text, "/")
	if len(items) == 1 {
		switch {
		case strings.Contains(text, Hole):
		case !digit(text[0]):
			s.report("GL614", at, "", "the schedule %q has no seconds: OpenRC cannot read it", text)
		case text != "0":
			s.report("GL603", at, "TERM/"+text+"/KILL/5", "retry %s sends TERM, waits %s seconds and gives up", text, text)
		}
		return
	}
	last, ok := s.items(items, text, at)
	switch {
	case !ok || last == "KILL" || last == "9" || last == "" || strings.Contains(last, Hole):
	case strings.Contains(text, "forever"): // it is said that it waits
	default:
		s.report("GL603", at, readable(text)+"/KILL/5", "the schedule %s ends with %s: a daemon that ignores that stays", readable(text), last)
	}
}

// items are held one by one; the last signal is returned, and false when
// something was reported, or is not known.
func (s *script) items(items []string, text string, at syntax.Pos) (last string, ok bool) {
	for i, item := range items {
		switch {
		case strings.Contains(item, Hole):
			if !strings.HasPrefix(item, "SIG") && i == len(items)-1 && i%2 == 0 {
				return "", false
			}
			if i%2 == 0 {
				last = Hole
			}
		case item == "" || len(item) > 19 || !digit(item[0]) && item != "forever" && !signalName(item):
			s.report("GL614", at, "", "the schedule %s has %q where a signal or seconds are meant", readable(text), item)
			return "", false
		case digit(item[0]) && i == 0:
			s.report("GL614", at, "", "the schedule %s begins with seconds: OpenRC waits that long before it sends anything", readable(text))
			return "", false
		case !digit(item[0]) && item != "forever":
			last = strings.TrimPrefix(strings.TrimPrefix(item, "-"), "SIG")
		}
	}
	return last, true
}

func digit(b byte) bool { return b >= '0' && b <= '9' }

// signalName tells whether OpenRC's parse_signal() knows it: in capitals, with or
// without SIG, or a number behind a hyphen.
func signalName(item string) bool {
	item = strings.TrimPrefix(item, "-")
	if item != "" && digit(item[0]) {
		return true
	}
	switch strings.TrimPrefix(item, "SIG") {
	case "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
		"CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS", "NULL":
		return true
	}
	return false
}
