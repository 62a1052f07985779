package qemu

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/guestrc/guestrc/confd"
)

// settings reads variables by type and gathers what is wrong with them, so
// that one run shows every error.
type settings struct {
	cfg      *confd.Config
	errs     []error
	warnings []*confd.Error
	failed   map[string]bool // variables already complained of
}

// newSettings holds cfg against the table, which finds what has the wrong type.
func newSettings(cfg *confd.Config) *settings {
	s := &settings{cfg: cfg, failed: map[string]bool{}}
	warnings, err := Vars.Check(cfg)
	s.warnings = warnings
	if err != nil {
		s.errs = append(s.errs, err)
	}
	return s
}

// err is everything that is wrong, in the order of the files.
func (s *settings) err() error { return errors.Join(s.errs...) }

// fail complains of a variable, once.
func (s *settings) fail(name, hint, format string, args ...any) {
	if s.failed[name] {
		return
	}
	s.failed[name] = true
	s.errs = append(s.errs, s.problem(name, hint, format, args...))
}

// warn is for what does no harm but was surely not meant.
func (s *settings) warn(name, hint, format string, args ...any) {
	s.warnings = append(s.warnings, s.problem(name, hint, format, args...))
}

func (s *settings) problem(name, hint, format string, args ...any) *confd.Error {
	return problem(s.cfg, name, hint, format, args...)
}

// problem is an error at the place where the files set a variable. With a
// default there is no place, and the variable's name must do.
func problem(cfg *confd.Config, name, hint, format string, args ...any) *confd.Error {
	var pos confd.Pos
	if cfg != nil {
		v, _ := cfg.Get(name)
		pos = v.Pos
	}
	e := confd.Errorf(pos, name+": "+format, args...)
	e.Hint = hint
	return e
}

// set says whether a file gives the variable a text that is not empty.
func (s *settings) set(name string) bool {
	_, ok := s.cfg.Filled(name)
	return ok
}

// value is the variable as set, else with its default in the table.
func (s *settings) value(name string) confd.Value {
	if v, ok := s.cfg.Filled(name); ok {
		return v
	}
	v, _, _, _ := Vars.Lookup(name)
	return confd.Value{Name: name, Text: v.Default}
}

func (s *settings) text(name string) string { return s.value(name).Text }

// typed reads a value by one of confd's parsers. A text that the parser
// refuses was reported by the table's check already, and counts as zero.
func typed[T any](s *settings, name string, parse func(confd.Value) (T, error)) (result T) {
	v := s.value(name)
	if v.Text == "" {
		return result
	}
	result, err := parse(v)
	if err != nil {
		s.failed[name] = true
	}
	return result
}

func (s *settings) yes(name string) bool              { return typed(s, name, confd.ParseBool) }
func (s *settings) number(name string) int            { return typed(s, name, confd.ParseInt) }
func (s *settings) signed(name string) int            { return typed(s, name, confd.ParseSigned) }
func (s *settings) seconds(name string) time.Duration { return typed(s, name, confd.ParseSeconds) }
func (s *settings) size(name string) uint64           { return typed(s, name, confd.ParseSize) }
func (s *settings) words(name string) []string        { return typed(s, name, confd.SplitWords) }
func (s *settings) cpus(name string) []int            { return typed(s, name, confd.ParseCPUs) }

// indices lists the N of variables with a text, in ascending order, whose
// names in the table begin with prefix, such as "diskN_".
func (s *settings) indices(prefix string) []int {
	var found []int
	for _, v := range s.cfg.Values {
		known, n, _, ok := Vars.Lookup(v.Name)
		if ok && v.Text != "" && strings.HasPrefix(known.Name, prefix) && !slices.Contains(found, n) {
			found = append(found, n)
		}
	}
	slices.Sort(found)
	return found
}

// only says whether text has no other characters than these. (Package regexp
// would do, but what it compiles at every start of the program adds up.)
func only(text, characters string) bool { return strings.Trim(text, characters) == "" }

const (
	lower = "abcdefghijklmnopqrstuvwxyz"
	upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digit = "0123456789"
)

// option is NAME=VALUE in one of QEMU's comma-separated lists.
type option struct{ name, value string }

// smuggled finds a second option behind a comma, as one can write it for a
// shell script that pastes values into a command line.
func smuggled(value string) (name string, ok bool) {
	_, rest, _ := strings.Cut(value, ",")
	for part := range strings.SplitSeq(rest, ",") {
		name, _, ok := strings.Cut(part, "=")
		if ok && name != "" && only(name, lower+digit+"_.-") {
			return name, true
		}
	}
	return "", false
}

// options lists what the variables PREFIX… hand to QEMU as they are, sorted by
// name, which is the order in which a shell's set lists them.
func (s *settings) options(prefix string, except ...string) []option {
	var found []option
	for _, v := range s.cfg.Values {
		name, ok := strings.CutPrefix(v.Name, prefix)
		if !ok || name == "" || v.Text == "" || slices.Contains(except, name) {
			continue
		}
		if second, ok := smuggled(v.Text); ok && name != "file" {
			s.fail(v.Name, fmt.Sprintf("give %s a line of its own: %s%s=…", second, prefix, second), "the value holds a second option")
		}
		found = append(found, option{name, v.Text})
	}
	return sortOptions(found)
}

// sortOptions sorts by name and keeps the order of equal ones.
func sortOptions(options []option) []option {
	slices.SortStableFunc(options, func(a, b option) int { return strings.Compare(a.name, b.name) })
	return options
}

// list writes options as QEMU reads them, a comma after each.
func list(options []option) string {
	var b strings.Builder
	for _, o := range options {
		b.WriteString(o.name + "=" + escape(o.value) + ",")
	}
	return b.String()
}

// escape doubles commas, which is how QEMU's option lists quote them.
func escape(value string) string { return strings.ReplaceAll(value, ",", ",,") }
