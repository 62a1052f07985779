package confile

import (
	"errors"
	"fmt"
)

// Pos is a place in a file; Line and Col count from 1, Col in bytes.
type Pos struct {
	File string
	Line int
	Col  int
}

// String gives file:line:col, without the parts that are not known.
func (p Pos) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Col == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Error is something wrong at a place.
type Error struct {
	Pos  Pos
	Msg  string // lower case, no full stop
	Hint string // what to write instead; may be empty
	Err  error  // what the system said; may be nil, and Msg says it too
}

// Error gives "file:line:col: message".
func (e *Error) Error() string {
	if p := e.Pos.String(); p != "" {
		return p + ": " + e.Msg
	}
	return e.Msg
}

// HintText returns the fix, or nothing.
func (e *Error) HintText() string { return e.Hint }

// Unwrap returns what the system said.
func (e *Error) Unwrap() error { return e.Err }

func errorf(p Pos, hint, format string, args ...any) *Error {
	return &Error{Pos: p, Hint: hint, Msg: fmt.Sprintf(format, args...)}
}

// maxErrors is how many faults are told; a file with more is no configuration.
const maxErrors = 20

// join is errors.Join that leaves a single error as it is, hint and all.
func join(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}
