// Package shutdown brings something down rung by rung: a schedule such as
// "agent/10/acpi/60/quit/10/KILL/5" names ways to end it and the seconds to
// wait after each. The package keeps the deadlines and writes the record; it
// does not know how a rung acts, nor what it acts on.
package shutdown

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Forever is the verb that waits without end; nothing may follow it.
const Forever = "forever"

// Step is one rung and the time that it gets.
type Step struct {
	Verb string
	Wait time.Duration // math.MaxInt64 for Forever without a deadline
}

// Schedule is the rungs in order. The zero value asks for nothing.
type Schedule []Step

// SyntaxError is a fault in a schedule; Col counts bytes from 1.
type SyntaxError struct {
	Text string
	Col  int
	Msg  string
	Hint string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("cannot read stop schedule %q, column %d: %s", e.Text, e.Col, e.Msg)
}

// HintText returns the fix, if one is known.
func (e *SyntaxError) HintText() string { return e.Hint }

// maxSeconds bounds one rung to a week: beyond it, "forever" is meant.
const maxSeconds = 7 * 24 * 3600

// Parse reads VERB/SECONDS/VERB/SECONDS… . The last verb may stand without
// seconds only when it is "forever". A verb must be in known, or be a signal
// that ParseSignal understands; "SIGTERM" becomes "TERM".
func Parse(text string, known ...string) (Schedule, error) {
	fail := func(col int, hint, format string, args ...any) error {
		return &SyntaxError{Text: text, Col: col, Msg: fmt.Sprintf(format, args...), Hint: hint}
	}
	const example = "for example agent/10/acpi/60/quit/10/KILL/5"
	if strings.TrimSpace(text) == "" {
		return nil, fail(1, example, "it is empty")
	}
	var s Schedule
	fields := strings.Split(text, "/")
	col := 1
	for i := 0; i < len(fields); i++ {
		verb := fields[i]
		verbCol := col
		col += len(verb) + 1
		if len(s) > 0 && s[len(s)-1].Verb == Forever {
			return nil, fail(verbCol, "", "%q can never be reached: the rung before it waits forever", clip(verb))
		}
		if verb == Forever {
			s = append(s, Step{Forever, math.MaxInt64})
			continue
		}
		verb, ok := canonical(verb, known)
		if !ok {
			return nil, fail(verbCol, "one of "+strings.Join(append(known, "a signal name such as TERM or KILL", Forever), ", "),
				"unknown rung %q", clip(fields[i]))
		}
		i++
		if i == len(fields) {
			return nil, fail(verbCol, "write "+verb+"/SECONDS", "%q has no time", verb)
		}
		n, err := strconv.ParseUint(fields[i], 10, 32)
		if err != nil || n < 1 || n > maxSeconds {
			return nil, fail(col, "whole seconds after each rung, from 1 to a week; \"forever\" waits without end",
				"%q is not a number of seconds", clip(fields[i]))
		}
		col += len(fields[i]) + 1
		s = append(s, Step{verb, time.Duration(n) * time.Second})
	}
	return s, nil
}

// canonical returns the one spelling of a verb.
func canonical(verb string, known []string) (string, bool) {
	for _, k := range known {
		if verb == k {
			return k, true
		}
	}
	if name, _, err := ParseSignal(verb); err == nil {
		return name, true
	}
	return "", false
}

// String writes the schedule as Parse reads it, but for parts of seconds, which
// only Within makes.
func (s Schedule) String() string {
	var b strings.Builder
	for i, step := range s {
		if i > 0 {
			b.WriteByte('/')
		}
		b.WriteString(step.Verb)
		if step.Wait != math.MaxInt64 {
			b.WriteString("/" + strconv.FormatFloat(step.Wait.Round(100*time.Millisecond).Seconds(), 'f', -1, 64))
		}
	}
	return b.String()
}

// Total is the longest that the schedule can take; math.MaxInt64 when it waits
// forever.
func (s Schedule) Total() time.Duration {
	var sum time.Duration
	for _, step := range s {
		if step.Verb == Forever {
			return math.MaxInt64
		}
		sum += step.Wait
	}
	return sum
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
