package confile

import (
	"errors"
	"fmt"

	"github.com/guestrc/guestrc/confd"
)

// Pos and Error are those of conf.d: what is told of one file looks like what is
// told of another.
type (
	Pos   = confd.Pos
	Error = confd.Error
)

func place(file string, line, col int) Pos { return Pos{File: file, Line: line, Col: col} }

func errorf(p Pos, hint, format string, args ...any) *Error {
	return &Error{Pos: p, Hint: hint, Msg: fmt.Sprintf(format, args...), ID: unusable}
}

// unusable is the id of all that keeps a file from being used.
const unusable = "GR100"

// maxErrors is how many faults are told; a file with more is no configuration.
const maxErrors = 20

// join is errors.Join that leaves a single error as it is, hint and all.
func join(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}
