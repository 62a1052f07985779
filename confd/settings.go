package confd

import (
	"errors"
	"slices"
	"strings"
	"time"
)

// Settings reads the variables of one guest by type and gathers what is wrong
// with them, so that one run shows every error.
type Settings struct {
	Config   *Config
	Warnings []*Error // what does no harm but was surely not meant

	table  Table
	errs   []error
	failed map[string]bool // variables already complained of
}

// NewSettings holds cfg against the table, which finds what has the wrong type.
func NewSettings(table Table, cfg *Config) *Settings {
	s := &Settings{Config: cfg, table: table, failed: map[string]bool{}}
	warnings, err := table.check(cfg, func(name string) { s.failed[name] = true })
	s.Warnings = warnings
	if err != nil {
		s.errs = append(s.errs, err)
	}
	return s
}

// Sound tells whether nothing was found wrong with a variable so far. Of what is
// wrong nothing follows: one fault is to be told once.
func (s *Settings) Sound(name string) bool { return !s.failed[name] }

// Err is everything that is wrong, in the order of the files.
func (s *Settings) Err() error { return errors.Join(s.errs...) }

// Fail complains of a variable, once. The error is returned for its id.
func (s *Settings) Fail(name, hint, format string, args ...any) *Error {
	e := s.problem(name, hint, format, args...)
	if !s.failed[name] {
		s.failed[name] = true
		s.errs = append(s.errs, e)
	}
	return e
}

// Warn is for what does no harm but was surely not meant. The warning is
// returned for its id.
func (s *Settings) Warn(name, hint, format string, args ...any) *Error {
	e := s.problem(name, hint, format, args...)
	s.Warnings = append(s.Warnings, e)
	return e
}

func (s *Settings) problem(name, hint, format string, args ...any) *Error {
	return Problem(s.Config, name, hint, format, args...)
}

// Problem is an error at the place where the files set a variable. With a
// default there is no place, and the variable's name must do.
func Problem(cfg *Config, name, hint, format string, args ...any) *Error {
	var pos Pos
	if cfg != nil {
		v, _ := cfg.Get(name)
		pos = v.Pos
	}
	e := Errorf(pos, name+": "+format, args...)
	e.Hint = hint
	return e
}

// Set says whether a file gives the variable a text that is not empty.
func (s *Settings) Set(name string) bool {
	_, ok := s.Config.Filled(name)
	return ok
}

// Value is the variable as set, else with its default in the table.
func (s *Settings) Value(name string) Value {
	if v, ok := s.Config.Filled(name); ok {
		return v
	}
	v, _, _, _ := s.table.Lookup(name)
	return Value{Name: name, Text: v.Default}
}

func (s *Settings) Text(name string) string { return s.Value(name).Text }

// Typed reads a value by one of this package's parsers. A text that the parser
// refuses was reported by the table's check already, and counts as zero.
func Typed[T any](s *Settings, name string, parse func(Value) (T, error)) (result T) {
	v := s.Value(name)
	if v.Text == "" {
		return result
	}
	result, err := parse(v)
	if err != nil {
		s.failed[name] = true
	}
	return result
}

func (s *Settings) Bool(name string) bool             { return Typed(s, name, ParseBool) }
func (s *Settings) Int(name string) int               { return Typed(s, name, ParseInt) }
func (s *Settings) Signed(name string) int            { return Typed(s, name, ParseSigned) }
func (s *Settings) Seconds(name string) time.Duration { return Typed(s, name, ParseSeconds) }
func (s *Settings) Size(name string) uint64           { return Typed(s, name, ParseSize) }
func (s *Settings) Words(name string) []string        { return Typed(s, name, SplitWords) }
func (s *Settings) CPUs(name string) []int            { return Typed(s, name, ParseCPUs) }

// Indices lists the N of variables with a text, in ascending order, whose
// names in the table begin with prefix, such as "diskN_".
func (s *Settings) Indices(prefix string) []int {
	var found []int
	for _, v := range s.Config.Values {
		known, n, _, ok := s.table.Lookup(v.Name)
		if ok && v.Text != "" && strings.HasPrefix(known.Name, prefix) && !slices.Contains(found, n) {
			found = append(found, n)
		}
	}
	slices.Sort(found)
	return found
}
