package guest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/guestrc/guestrc/pidfile"
)

// LockPatience is how long an action waits for another one on the same guest.
// A stop that is under way holds the lock for its whole schedule, so whoever
// waits for a stop waits for its schedule on top.
const LockPatience = 20 * time.Second

// handle is one guest, open for an action: its run directory and its record,
// under its lock until close.
type handle struct {
	name   Name
	layout Layout
	dir    *os.File
	state  State
	unlock func() error
}

// errBusy is why a lock was not had in time.
var errBusy = errors.New("another action on it is under way")

// open creates the run directory if need be, takes the lock and reads the
// record. An unreadable record is an error: nothing is guessed from it.
func (h *House) open(ctx context.Context, n Name, patience time.Duration) (*handle, error) {
	dir, err := pidfile.OpenDir(h.Layout.RunDir(n), true)
	if err != nil {
		return nil, withStatus(StatusFailed, "cannot open the run directory of "+n.String(), err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	unlock, err := pidfile.Lock(ctx, dir)
	if err != nil {
		dir.Close()
		if errors.Is(err, context.DeadlineExceeded) {
			return nil, &Error{Status: StatusFailed, Msg: fmt.Sprintf("cannot lock %s within %s", n, patience), Err: errBusy,
				Hint: "another start or stop of it is running; to end the guest at once: guestrc kill " + n.String()}
		}
		return nil, withStatus(StatusFailed, "cannot lock "+n.String(), err)
	}
	g := &handle{name: n, layout: h.Layout, dir: dir, unlock: unlock}
	if g.state, err = load(dir); err != nil {
		g.close()
		if errors.Is(err, errDamaged) {
			return nil, &Error{Status: StatusRefused, Msg: "cannot trust the record of " + n.String(), Err: err,
				Hint: "look at what runs (ps), then remove the file"}
		}
		return nil, withStatus(StatusFailed, "cannot use the record of "+n.String(), err)
	}
	return g, nil
}

func (g *handle) close() error {
	return errors.Join(g.unlock(), g.dir.Close())
}

// save replaces the record.
func (g *handle) save(change func(*State)) error {
	s := g.state
	change(&s)
	if err := save(g.dir, s); err != nil {
		return fmt.Errorf("cannot record the state of %s: %w", g.name, err)
	}
	g.state = s
	return nil
}

// find returns the guest's process, nil when there is none, and an error
// (status 4) when what is there does not fit together.
func (g *handle) find(ctx context.Context, i Instance) (*pidfile.Process, error) {
	return find(ctx, g.dir, g.state, i)
}

// find takes a nil dir for that of a guest that we never started.
func find(ctx context.Context, dir *os.File, s State, i Instance) (*pidfile.Process, error) {
	if dir == nil {
		return i.Find(ctx)
	}
	p, _, err := pidfile.Find(dir, s.Process, i.Expect())
	if errors.Is(err, pidfile.ErrNotRunning) {
		return i.Find(ctx)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}
