package shutdown

import (
	"context"
	"errors"
)

// ErrAbsent is returned by a rung that cannot work here (no agent answers, no
// SSH target): the next rung follows at once.
var ErrAbsent = errors.New("absent")

// Rung asks the target to end in one way. Its context ends with the rung's
// time, or as soon as the target is gone. It returns nil when the request was
// delivered and only waiting is left, an error wrapping ErrAbsent when this
// way does not exist, any other error when it failed; after an error the next
// rung follows at once. A rung that repeats itself returns when its context
// ends. note adds to the record, such as "2nd press".
type Rung func(ctx context.Context, note func(string)) error

// Target is what is brought down.
type Target interface {
	// Wait returns nil once the target is gone, else the context's error.
	Wait(ctx context.Context) error
	// Rung returns how verb acts here, nil when it does not exist.
	Rung(verb string) Rung
}
