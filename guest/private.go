package guest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/guestrc/guestrc/pidfile"
)

// PrivateBase holds one directory (Layout.Run) for each guest that root runs
// as nobody's service.
func (l Layout) PrivateBase() string { return l.At("run", "guestrc-run") }

// turns is the directory under whose lock guests of this layout claim what they
// want to themselves. Services and what root runs privately share one; others
// cannot lock that.
func (l Layout) turns() string {
	if l.Run != "" && os.Geteuid() != 0 {
		return filepath.Dir(l.Run)
	}
	return Layout{Root: l.Root}.RunBase()
}

// elsewhere are the other places where guests of this host may be on record:
// for one that runs privately the services, and for all the private runs. What
// cannot be listed belongs to somebody else, whose claims bind nobody.
func (h *House) elsewhere() (houses []*House) {
	base := h.Layout.PrivateBase()
	at := func(run string) *House {
		return &House{Layout: Layout{Root: h.Layout.Root, Run: run}, Kinds: h.Kinds, Now: h.Now}
	}
	if h.Layout.Run != "" {
		houses = append(houses, at(""))
		base = filepath.Dir(h.Layout.Run)
	}
	entries, _ := os.ReadDir(base)
	for _, e := range entries {
		if run := filepath.Join(base, e.Name()); e.IsDir() && run != h.Layout.Run {
			houses = append(houses, at(run))
		}
	}
	return houses
}

// claims collects what the other running guests have to themselves, and what
// but has that runs elsewhere.
func (h *House) claims(but Name) ([]Claim, error) {
	all, err := h.claimsHere(but)
	if err != nil {
		return nil, err
	}
	for _, other := range h.elsewhere() {
		claims, err := other.claimsHere(Name{})
		if err != nil {
			continue // the run that it was of is just over
		}
		where := " (guestrc run)"
		if other.Layout.Run == "" {
			where = " (the service)"
		}
		for _, c := range claims {
			c.Guest += where
			all = append(all, c)
		}
	}
	return all, nil
}

// forget has what n writes to its disks go to scratch.
func forget(n Name, i Instance, scratch string) error {
	e, ok := i.(Ephemeral)
	if !ok {
		return &Error{Status: StatusUsage, Msg: fmt.Sprintf("cannot forget what %s writes: guests of kind %s cannot do that", n, n.Kind)}
	}
	return e.Forget(scratch)
}

// mine refuses a running process that is another's: one that was found for n
// though the record here does not know it may have been run privately, and who
// runs privately takes over nothing.
func (h *House) mine(g *handle, proc *pidfile.Process) error {
	if g.state.Process != nil && *g.state.Process == proc.Identity() {
		return nil
	}
	refused := &Error{Status: StatusRefused, Msg: "cannot start " + g.name.String(), Hint: "guestrc stop " + g.name.String()}
	if h.Layout.Run != "" {
		refused.Err = fmt.Errorf("it runs already (pid %d)", proc.Pid())
		return refused
	}
	for _, other := range h.elsewhere() {
		dir, s, err := other.look(g.name)
		if err != nil || dir == nil {
			continue
		}
		if err := dir.Close(); err != nil {
			return err
		}
		if s.Process != nil && *s.Process == proc.Identity() {
			refused.Err = errors.New("guestrc run has started it, and it ends with whoever called that")
			return refused
		}
	}
	return nil
}
