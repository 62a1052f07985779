// Package confd reads /etc/conf.d files: POSIX shell assignments, understood
// without being run. It refuses everything that would need a shell (command
// substitution, conditionals, functions, sourcing), with the position, the
// reason and what to write instead; in a file of another program's it skips
// that and tells of it. It knows the names, types and defaults of
// variables, and nothing of what a guest does with them.
package confd

import (
	"errors"
	"fmt"
)

// Pos is a place in a file; Line and Col count from 1, in bytes.
type Pos struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Col  int    `json:"col"`
}

// String gives file:line:col, without the parts that are not known.
func (p Pos) String() string {
	switch {
	case p.File == "":
		return ""
	case p.Line == 0:
		return p.File
	case p.Col == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Error is something wrong at a place, with a fix when one is known.
// It serves for warnings too.
type Error struct {
	Pos  Pos
	Msg  string // lower case, no full stop
	Hint string // what to do or write instead; may be empty
	Err  error  // what the system said; may be nil, and Msg says it too
	ID   string // what sort of fault it is, as docs/checks.md has it ("GR101"); may be empty
	Var  string // the variable that is unknown, where that is the fault
}

// WithID gives the error the id of a sort of faults.
func (e *Error) WithID(id string) *Error {
	e.ID = id
	return e
}

// Error gives "file:line:col: message"; the hint is left to whoever prints.
func (e *Error) Error() string {
	if p := e.Pos.String(); p != "" {
		return p + ": " + e.Msg
	}
	return e.Msg
}

// HintText returns the fix; cmd looks for this method on every error.
func (e *Error) HintText() string { return e.Hint }

// Unwrap returns what the system said.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error without a hint.
func Errorf(p Pos, format string, args ...any) *Error {
	return &Error{Pos: p, Msg: fmt.Sprintf(format, args...)}
}

// join is errors.Join that leaves a single error as it is, hint and all.
func join(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}

// Value is one variable as the last assignment left it.
type Value struct {
	Name string
	Text string
	Pos  Pos  // of the assignment; zero for a preset
	Used bool // some other value or ${…} in the files refers to it

	Exported bool // named by an export command: meant for a process's environment
}

// Config is what the files of one guest say. The order of Values is that of
// the last assignment of each; presets that no file sets come first, by name.
type Config struct {
	Files  []string // that were read, in order
	Values []Value
}

// Get returns the value of name, and whether a file (or a preset) sets it.
func (c *Config) Get(name string) (Value, bool) {
	for i := len(c.Values) - 1; i >= 0; i-- {
		if c.Values[i].Name == name {
			return c.Values[i], true
		}
	}
	return Value{}, false
}

// Filled returns the value of name if it is set to more than the empty text.
// For every type the empty text means "use the default", as in the shell's
// ${NAME:=default}.
func (c *Config) Filled(name string) (Value, bool) {
	v, ok := c.Get(name)
	return v, ok && v.Text != ""
}

// Type is what a variable's text must look like.
type Type string

// The types of variables.
const (
	String   Type = "string"
	Words    Type = "words"    // split as POSIX sh splits words, quotes respected
	Bool     Type = "yes|no"   // yes no true false on off 1 0, any case (OpenRC's yesno)
	Int      Type = "number"   // not negative
	Signed   Type = "integer"  // may be negative
	Seconds  Type = "seconds"  // whole seconds
	Size     Type = "size"     // number with M (default) or G, T, K
	Path     Type = "path"     // absolute
	Enum     Type = "choice"   // one of Var.Choices
	MAC      Type = "mac"      // six bytes in hex
	CPUs     Type = "cpus"     // list as in taskset -c: 0,2-3
	Schedule Type = "schedule" // see package shutdown
)

// Var describes one variable that a kind understands. A name may hold one
// capital N, which stands for a number ("diskN_file"), and may end in "_*",
// which stands for any option ("diskN_*").
type Var struct {
	Name    string
	Type    Type
	Choices []string // for Enum: the fixed words; one ending in ":" takes text after it
	Default string   // as one would write it; empty when there is none
	Help    string   // one to three sentences, a full stop at each end
	Group   string   // heading in the sample file: "Machine", "Disks", …
	Theirs  bool     // the variable is qemu-openrc's or OpenRC's own
	Secret  bool     // its text is never printed
}

// Table is the variables of one kind, in the order in which to show them.
type Table []Var
