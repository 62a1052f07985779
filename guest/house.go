package guest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/history"
	"github.com/guestrc/guestrc/pidfile"
)

// House is all guests of a host: where their files are and which kinds exist.
type House struct {
	Layout Layout
	Kinds  []Kind
	Now    func() time.Time
	// Scratch is a directory for what a guest writes to its disks, which is to be
	// forgotten; empty: nothing is.
	Scratch string
	// Occasion is why many guests are started or stopped now; nil for one
	// alone. Stops are over by its Deadline.
	Occasion *history.Occasion
	// By is when some of them are to be down before that, for the sake of those
	// that come after them.
	By map[string]time.Time
	// After tells of each guest which others had to go before it on that
	// occasion; for the record.
	After map[string][]string
	// Aside, where it is set, does what is left of a stop once the guest is down,
	// which waits for a disk, while the caller goes on; nil: at once. Progress is
	// told of faults from there, too.
	Aside func(do func())
}

// kind finds the kind of n.
func (h *House) kind(n Name) (Kind, error) {
	var known []string
	for _, k := range h.Kinds {
		if k.Name() == n.Kind {
			return k, nil
		}
		known = append(known, k.Name())
	}
	return nil, &Error{Status: StatusUsage, Msg: fmt.Sprintf("cannot find kind %q of guest %s", n.Kind, n),
		Hint: "kinds: " + strings.Join(known, ", ")}
}

// Load reads the conf.d files of n.
func (h *House) Load(n Name) (*confd.Config, error) { return h.load(n, confd.Load) }

func (h *House) load(n Name, load func([]string, map[string]string) (*confd.Config, error)) (*confd.Config, error) {
	files := h.Layout.ConfFiles(n)
	preset := map[string]string{"RC_SVCNAME": n.String(), "SVCNAME": n.String(), "VM_NAME": n.Instance}
	c, err := load(files, preset)
	hint := "describe it in " + files[len(files)-1]
	if errors.Is(err, fs.ErrNotExist) {
		where, described := h.described(n)
		if where != "" {
			hint += ", or in " + where
		}
		if described {
			c, err = load(files[:1], preset)
		}
		if described && errors.Is(err, fs.ErrNotExist) {
			c, err = confd.Parse("", nil, preset)
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &Error{Status: StatusNotConfigured, Msg: "cannot find guest " + n.String(), Err: err, Hint: hint}
	case err != nil:
		return nil, &Error{Status: StatusNotConfigured, Msg: cannotUse(n), Err: err}
	}
	return c, nil
}

// described tells whether n needs no conf.d file of its own.
func (h *House) described(n Name) (where string, yes bool) {
	k, err := h.kind(n)
	if err != nil {
		return "", false
	}
	return k.Described(h.Layout, n)
}

func cannotUse(n Name) string { return "cannot use the configuration of " + n.String() }

// Configure is Load, then Kind.Configure, then the warnings.
func (h *House) Configure(ctx context.Context, n Name, p Progress) (Instance, error) {
	_, i, err := h.configure(ctx, n)
	if err != nil {
		return nil, err
	}
	for _, w := range i.Warnings() {
		p.Warn(w)
	}
	return i, nil
}

func (h *House) configure(ctx context.Context, n Name) (*confd.Config, Instance, error) {
	k, err := h.kind(n)
	if err != nil {
		return nil, nil, err
	}
	c, err := h.Load(n)
	if err != nil {
		return nil, nil, err
	}
	i, err := k.Configure(ctx, h.Layout, n, c)
	if err == nil && h.Scratch != "" {
		err = forget(n, i, h.Scratch)
	}
	if err != nil {
		return nil, nil, withStatus(StatusNotConfigured, cannotUse(n), err)
	}
	return c, i, nil
}

// Check tells whether a start of n could succeed, whether or not n runs now.
func (h *House) Check(ctx context.Context, n Name) error {
	i, err := h.Configure(ctx, n, discard{})
	if err != nil {
		return err
	}
	running, err := h.claims(Name{})
	if err != nil {
		return err
	}
	return withStatus(StatusNotConfigured, "cannot start "+n.String(), i.Preflight(ctx, running))
}

// recall makes the instance that s tells of; without a memo, the one that the
// files describe.
func (h *House) recall(ctx context.Context, n Name, s State, p Progress) (Instance, error) {
	if s.Memo == nil {
		_, i, err := h.configure(ctx, n)
		return i, err
	}
	k, err := h.kind(n)
	if err != nil {
		return nil, err
	}
	c, loadErr := h.Load(n)
	i, err := k.Recall(h.Layout, n, s.Memo, c)
	if err != nil && c != nil { // the new files have a fault
		loadErr = err
		i, err = k.Recall(h.Layout, n, s.Memo, nil)
	}
	if loadErr != nil {
		p.Warn(fmt.Errorf("using what was configured when %s started: %w", n, loadErr))
	}
	return i, err
}

// recorded is recall for those who only look: with a memo, no file is read.
func (h *House) recorded(ctx context.Context, n Name, s State) (Instance, error) {
	if s.Memo == nil {
		return h.recall(ctx, n, s, discard{})
	}
	k, err := h.kind(n)
	if err != nil {
		return nil, err
	}
	return k.Recall(h.Layout, n, s.Memo, nil)
}

// claimsHere collects what the other running guests of this layout have to
// themselves.
func (h *House) claimsHere(but Name) ([]Claim, error) {
	entries, err := os.ReadDir(h.Layout.RunBase())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot list running guests: %w", err)
	}
	var claims []Claim
	for _, e := range entries {
		n, err := ParseName(e.Name())
		if err != nil || n == but {
			continue
		}
		if c, ok := h.claim(n); ok {
			claims = append(claims, c)
		}
	}
	return claims, nil
}

// startTime is for how long the intent of a start counts that has no lease; its
// starter may have been killed.
const startTime = 2 * time.Minute

// claim is what n has to itself if its process runs, or is being made. A record that
// cannot be read claims nothing: QEMU's own image locks stand behind it.
func (h *House) claim(n Name) (Claim, bool) {
	dir, err := pidfile.OpenDir(h.Layout.RunDir(n), false)
	if err != nil {
		return Claim{}, false
	}
	defer dir.Close()
	s, err := load(dir)
	if err != nil {
		return Claim{}, false
	}
	if s.Phase == PhaseStarting && h.strays(n) {
		return s.Claim, h.Now().Sub(s.StartedAt) < startTime
	}
	if s.Phase == PhaseStarting {
		held, err := pidfile.LeaseHeld(dir)
		return s.Claim, err == nil && held
	}
	if s.Process == nil {
		return Claim{}, false
	}
	p, err := pidfile.Recall(*s.Process)
	if err != nil {
		return Claim{}, false
	}
	defer p.Close()
	return s.Claim, true
}

// withStatus wraps err unless it carries an exit status of its own.
func withStatus(status int, msg string, err error) error {
	var s interface{ ExitStatus() int }
	if err == nil || errors.As(err, &s) {
		return err
	}
	e := &Error{Status: status, Msg: msg, Err: err}
	if errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0 {
		e.Status, e.Hint = StatusRefused, "run as root"
	}
	return e
}
