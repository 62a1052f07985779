package guest

import (
	"context"
	"errors"
	"io/fs"
	"sync"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/pidfile"
)

// Examiner is an Instance that finds more at fault than what keeps its guest
// from starting.
type Examiner interface {
	// Examine looks where Preflight does not: into disks, at what the host has
	// to spare, at what is risky. p is nil for a guest that does not run. Nothing
	// is executed, opened for writing or changed, and the guest notices nothing.
	// Each error has its ID.
	Examine(ctx context.Context, p *pidfile.Process) []*confd.Error
	// Holds are what no two guests may have, and what all of them share.
	Holds() []Hold
}

// Hold is one thing of the host's that a guest has to itself, or its part of
// one.
type Hold struct {
	Sort   string    // HoldMAC, …
	Key    string    // what is compared: equal keys of one sort are one thing
	Text   string    // what it is called in messages
	Pos    confd.Pos // where the files say so; zero for a default
	Var    string    // the variable or key that says so
	Amount uint64    // of memory, in bytes
	Shared bool      // does no harm to others that share it, too
}

// The sorts of a Hold.
const (
	HoldMAC    = "mac"    // Key: "52:54:00:12:34:56"
	HoldDisk   = "disk"   // Key: device and inode
	HoldPort   = "port"   // Key as in Claim.Ports: "tcp:127.0.0.1:5901"
	HoldLink   = "link"   // an interface's name on the host
	HoldCID    = "cid"    // of a vsock device
	HoldUUID   = "uuid"   // the machine's
	HoldHost   = "host"   // the name that the guest gives itself
	HoldCPU    = "cpu"    // Key: the number of a CPU of the host that it is pinned to
	HoldMemory = "memory" // Amount that it has to have; Key: "" or the hugetlbfs that it is from
	HoldSocket = "socket" // a path of a socket or log that the files name
)

// Examination is all that can be known of one guest before a start.
type Examination struct {
	Name     Name
	Nothing  bool          // describes it; then Err says so
	Config   *confd.Config // its conf.d files; nil where they cannot be read
	Vars     confd.Table   // of its kind
	Status   Status        // of n, as far as anything describes it or tells of it
	Files    []string      // that describe it, as far as they were read
	Err      error         // why its files cannot be used; then nothing below is known
	Warnings []*confd.Error
	Refusal  error          // why a start would be refused
	Faults   []*confd.Error // what else is wrong
	Holds    []Hold
	Plan     Plan
}

// onlyLooks marks the context of those who only look.
type onlyLooks struct{}

// OnlyLooks tells whether whoever asks wants nothing executed, and nothing
// written, not even to a cache: an answer that would need that is left out.
func OnlyLooks(ctx context.Context) bool { return ctx.Value(onlyLooks{}) != nil }

// Examiner looks at guests as check does, at many at one time: files that they
// share are read once, and so are the claims of those that run. It takes no lock
// and changes nothing. Several goroutines may call it. An error is one of looking.
func (h *House) Examiner() func(ctx context.Context, n Name) (Examination, error) {
	var loader confd.Loader
	claims := sync.OnceValues(func() ([]Claim, error) { return h.claims(Name{}) })
	return func(ctx context.Context, n Name) (Examination, error) {
		return h.examine(context.WithValue(ctx, onlyLooks{}, true), n, loader.Load, claims)
	}
}

// reading is how conf.d files are read.
type reading func(files []string, preset map[string]string) (*confd.Config, error)

func (h *House) examine(ctx context.Context, n Name, load reading, claims func() ([]Claim, error)) (x Examination, err error) {
	x.Name = n
	k, err := h.kind(n)
	if err != nil {
		return x, err
	}
	x.Vars = k.Vars()
	if x.Config, x.Err = h.load(n, load); x.Err != nil {
		x.Nothing = errors.Is(x.Err, fs.ErrNotExist)
		if st, err := h.Status(ctx, n, false); err == nil { // of one that never ran there is none
			x.Status = st
		}
		return x, nil
	}
	x.Files = x.Config.Files
	if x.Status, err = h.Status(ctx, n, false); err != nil {
		return x, err
	}
	i, err := k.Configure(ctx, h.Layout, n, x.Config)
	if err != nil {
		x.Err = withStatus(StatusNotConfigured, cannotUse(n), err)
	}
	if i == nil {
		x.Warnings, _ = x.Vars.Check(x.Config) // what is at fault is in Err
		return x, nil
	}
	x.Warnings, x.Plan = i.Warnings(), i.Plan()
	x.Files = x.Plan.Files
	running, err := claims()
	if err != nil {
		return x, err
	}
	x.Refusal = i.Preflight(ctx, running)
	e, ok := i.(Examiner)
	if !ok {
		return x, nil
	}
	x.Holds = e.Holds()
	proc, err := h.process(ctx, n)
	if err != nil {
		proc = nil // its status tells why
	}
	if proc != nil {
		defer proc.Close()
	}
	x.Faults = e.Examine(ctx, proc)
	return x, nil
}

// Holder gives what guests hold, each for itself, whatever else is wrong with it.
// Several goroutines may call it.
func (h *House) Holder() func(ctx context.Context, n Name) []Hold {
	var loader confd.Loader
	return func(ctx context.Context, n Name) []Hold {
		ctx = context.WithValue(ctx, onlyLooks{}, true)
		k, err := h.kind(n)
		if err != nil {
			return nil
		}
		c, err := h.load(n, loader.Load)
		if err != nil {
			return nil
		}
		i, _ := k.Configure(ctx, h.Layout, n, c) // of files with a fault, what is understood
		if e, ok := i.(Examiner); ok {
			return e.Holds()
		}
		return nil
	}
}

// process is what runs of n; nil where nothing does.
func (h *House) process(ctx context.Context, n Name) (*pidfile.Process, error) {
	dir, s, err := h.look(n)
	if err != nil {
		return nil, err
	}
	defer dir.Close() // of nil: says so, and does nothing
	if h.idle(n, dir, s) {
		return nil, nil
	}
	i, err := h.recall(ctx, n, s, discard{})
	if err != nil {
		return nil, err
	}
	return find(ctx, dir, s, i)
}
