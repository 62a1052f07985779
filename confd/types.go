package confd

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What the faults are called that a table finds, as in docs/checks.md.
const (
	unknownID = "GR101"
	typeID    = "GR102"
	looseID   = "GR701"
	groupID   = "GR304" // an address of a group
)

// A Value is read by the function of its variable's type. Each refuses the
// empty text, which stands for the default (see [Config.Filled]), and gives
// errors of type *[Error] at the value's place that quote the text: they are
// not for secrets. [Table.Check] is, and calls them all.

// ParseBool reads yes, no, true, false, on, off, 1 or 0 in any case: what
// OpenRC's yesno knows, and its opposites.
func ParseBool(v Value) (bool, error) {
	switch strings.ToLower(v.Text) {
	case "yes", "true", "on", "1":
		return true, nil
	case "no", "false", "off", "0":
		return false, nil
	}
	return false, v.not(Bool)
}

// ParseInt reads a decimal number from 0 to 2147483647.
func ParseInt(v Value) (int, error) {
	n, err := strconv.ParseUint(v.Text, 10, 31)
	if err != nil {
		return 0, v.not(Int)
	}
	return int(n), nil
}

// ParseSigned reads a decimal number that may have a sign, of 32 bits.
func ParseSigned(v Value) (int, error) {
	n, err := strconv.ParseInt(v.Text, 10, 32)
	if err != nil {
		return 0, v.not(Signed)
	}
	return int(n), nil
}

// ParseSeconds reads whole seconds, at most 2147483647.
func ParseSeconds(v Value) (time.Duration, error) {
	n, err := strconv.ParseUint(v.Text, 10, 31)
	if err != nil {
		return 0, v.not(Seconds)
	}
	return time.Duration(n) * time.Second, nil
}

// check reports whether the text is of the variable's type. The error of a
// secret does not hold its text.
func (v Var) check(value Value) error {
	err := v.parse(value)
	if err != nil && v.Secret {
		want := v.Type.expected()
		return &Error{Pos: value.Pos, Msg: value.Name + " is not " + want.noun, Hint: want.hint, ID: typeID}
	}
	return err
}

func (v Var) parse(value Value) (err error) {
	switch v.Type {
	case Words:
		_, err = SplitWords(value)
	case Bool:
		_, err = ParseBool(value)
	case Int:
		_, err = ParseInt(value)
	case Signed:
		_, err = ParseSigned(value)
	case Seconds:
		_, err = ParseSeconds(value)
	case Size:
		_, err = ParseSize(value)
	case MAC:
		_, err = ParseMAC(value)
	case CPUs:
		_, err = ParseCPUs(value)
	case Path:
		if !strings.HasPrefix(value.Text, "/") {
			err = value.not(Path)
		}
	case Schedule:
		if !looksLikeSchedule(value.Text) {
			err = value.not(Schedule)
		}
	case Enum:
		if !slices.ContainsFunc(v.Choices, func(choice string) bool { return chosen(choice, value.Text) }) {
			err = &Error{Pos: value.Pos, Msg: fmt.Sprintf("%s is %s, which it cannot be", value.Name, quote(value.Text)),
				Hint: "one of " + v.choices(), ID: typeID}
		}
	}
	return err
}

// chosen: a choice that ends in ":" wants text after it.
func chosen(choice, text string) bool {
	if strings.HasSuffix(choice, ":") {
		return len(text) > len(choice) && strings.HasPrefix(text, choice)
	}
	return text == choice
}

// choices lists the words of an Enum for people.
func (v Var) choices() string {
	words := slices.Clone(v.Choices)
	for i, w := range words {
		if strings.HasSuffix(w, ":") {
			words[i] += "…"
		}
	}
	return strings.Join(words, ", ")
}

// looksLikeSchedule checks the form only; which verbs there are is the kind's
// to say (package shutdown reads it in full).
func looksLikeSchedule(text string) bool {
	fields := strings.Split(text, "/")
	if n := len(fields); n%2 == 1 && fields[n-1] == "forever" {
		fields = fields[:n-1]
	}
	for i, f := range fields {
		isNumber := f != "" && strings.Trim(f, "0123456789") == ""
		if f == "" || isNumber != (i%2 == 1) {
			return false
		}
	}
	return len(fields)%2 == 0
}

// expectation says what a type wants, for people.
type expectation struct{ noun, hint string }

func (t Type) expected() expectation {
	switch t {
	case Words:
		return expectation{"words with matched quotes", "split at blanks; quote a word that has blanks, for example -device 'a b'"}
	case Bool:
		return expectation{"yes or no", "yes, true, on, 1, no, false, off or 0"}
	case Int:
		return expectation{"a number", "digits only, for example 4"}
	case Signed:
		return expectation{"an integer", "for example 10 or -5"}
	case Seconds:
		return expectation{"a number of seconds", "whole seconds, for example 60"}
	case Size:
		return expectation{"a size", "a number with K, M (the default), G or T, for example 2048 or 2G"}
	case Path:
		return expectation{"an absolute path", "for example /var/lib/guestrc/disk.img"}
	case Enum:
		return expectation{"one of the known words", ""}
	case MAC:
		return expectation{"a MAC address of one machine", "six bytes in hex, the first one even, for example 52:54:00:12:34:56"}
	case CPUs:
		return expectation{"a list of CPUs", "numbers and ranges, for example 0,2-3"}
	case Schedule:
		return expectation{"a stop schedule", "VERB/SECONDS/…, for example agent/10/acpi/60/quit/10/KILL/5"}
	}
	return expectation{"a text", ""}
}

func (v Value) not(t Type) *Error {
	want := t.expected()
	return &Error{Pos: v.Pos, Msg: fmt.Sprintf("%s is %s, which is not %s", v.Name, quote(v.Text), want.noun), Hint: want.hint, ID: typeID}
}

// quote shows a text in a message, cut where it would flood it.
func quote(s string) string {
	if len(s) > 60 {
		return strconv.Quote(s[:60]) + "…"
	}
	return strconv.Quote(s)
}
