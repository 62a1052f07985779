package pidfile

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// herd is a guest that comes and goes among decoys, in a pid namespace where
// they take over each other's numbers, under a pidfile that is tampered with.
type herd struct {
	t      *testing.T
	rnd    *rand.Rand
	dir    *os.File
	g      *child // nil while no guest lives
	recs   []Identity
	decoys []*decoy

	attempts, hits, refused, absent int
}

// Stop attempts at random, in all variants of kernel, record and pidfile: not
// one signal may reach a decoy, and none may fail to reach a guest that the
// kernel attests. PIDFILE_ATTEMPTS sets how many, PIDFILE_SEED repeats a run.
func TestHerd(t *testing.T) {
	attempts, seed := 2000, rand.Uint64()
	if n, err := strconv.Atoi(os.Getenv("PIDFILE_ATTEMPTS")); err == nil {
		attempts = n
	}
	if n, err := strconv.ParseUint(os.Getenv("PIDFILE_SEED"), 10, 64); err == nil {
		seed = n
	}
	if !inNamespace(t) { // after the variables are read: go test caches by those that were
		return
	}
	t.Logf("seed %d", seed)
	h := &herd{t: t, rnd: rand.New(rand.NewPCG(seed, 0)), dir: guestDir(t)}
	for range 20 {
		h.addDecoy()
	}
	for h.attempts < attempts && !t.Failed() {
		h.change()
		for range 1 + h.rnd.IntN(8) {
			h.tamper()
			h.attempt()
		}
	}
	for _, d := range h.decoys {
		d.mustBeUnharmed(t)
	}
	t.Logf("%d attempts: %d guests stopped, %d refused in doubt, %d found nothing; %d decoys, no signal",
		h.attempts, h.hits, h.refused, h.absent, len(h.decoys))
	if h.hits == 0 || h.refused == 0 || h.absent == 0 {
		t.Error("one of the outcomes never came up")
	}
}

// change starts a guest, or ends it behind our back and lets a decoy take its
// number.
func (h *herd) change() {
	if h.g == nil {
		h.clear()
		f, held, err := OpenLease(h.dir)
		ok(h.t, err)
		if held {
			h.t.Fatal("the lease of a dead guest is held")
		}
		h.g = guest(h.t, h.dir, inherit(f))
		ok(h.t, f.Close())
		p, err := Capture(h.g.pid)
		ok(h.t, err)
		h.recs = append(h.recs, p.Identity())
		if len(h.recs) > 8 {
			h.recs = h.recs[1:]
		}
		ok(h.t, p.Close())
		return
	}
	h.endGuest()
}

func (h *herd) endGuest() {
	pid := h.g.pid
	h.g.kill()
	h.g = nil
	h.decoys = append(h.decoys, reuse(h.t, pid, func() *decoy { return startDecoy(h.t) }))
	if len(h.decoys) > 40 {
		h.decoys[0].mustBeUnharmed(h.t)
		h.decoys[0].end()
		h.decoys = h.decoys[1:]
	}
}

func (h *herd) addDecoy() { h.decoys = append(h.decoys, startDecoy(h.t)) }

func (h *herd) aDecoy() *decoy { return h.decoys[h.rnd.IntN(len(h.decoys))] }

// clear makes the pidfile's name free for the next guest.
func (h *herd) clear() { ok(h.t, os.RemoveAll(pidfileOf(h.dir))) }

// tamper leaves the pidfile alone, forges it through the guest's own file, or
// puts something else in its place.
func (h *herd) tamper() {
	path := pidfileOf(h.dir)
	forged := fmt.Appendf(nil, "%d\n", h.aDecoy().pid)
	switch h.rnd.IntN(4) {
	case 0:
		if st, err := os.Lstat(path); err == nil && st.Mode().IsRegular() {
			ok(h.t, os.WriteFile(path, forged, 0o600))
		}
	case 1:
		acts := tampered(h.aDecoy().pid)
		kinds := []string{"a symbolic link", "a named pipe", "hard links", "a directory", "a dangling link", "others may write"}
		h.clear()
		ok(h.t, os.RemoveAll(path+".x"))
		ok(h.t, acts[kinds[h.rnd.IntN(len(kinds))]](path))
	case 2:
		h.clear()
		ok(h.t, os.WriteFile(path, forged, 0o600))
	}
}

// record is the guest's, an older one, one of another boot, a damaged one, one
// that was edited to name a decoy, or none. faithful: it is the living guest's.
func (h *herd) record() (rec *Identity, faithful bool) {
	id := h.recs[len(h.recs)-1]
	switch h.rnd.IntN(8) {
	case 0:
		return nil, false
	case 1:
		id = h.recs[h.rnd.IntN(len(h.recs))]
	case 2:
		id.BootID = "another"
	case 3:
		id.Pid = h.aDecoy().pid
	case 4:
		id.Handle, id.Inode = "", 0
	case 5:
		id.Inode = 0
	}
	return &id, h.g != nil && id == h.recs[len(h.recs)-1]
}

func (h *herd) kernel() kernel {
	all := []kernel{{}, {noRoot: true}, {noHandle: true}, {noHandle: true, noInode: true}, {noInfo: true}}
	return all[h.rnd.IntN(len(all))]
}

// attempt is what a stop does.
func (h *herd) attempt() {
	h.attempts++
	rec, faithful := h.record()
	p, how, err := h.kernel().find(h.dir, rec, expected(h.dir))
	switch {
	case errors.As(err, new(*DoubtError)):
		h.refused++
	case errors.Is(err, ErrNotRunning):
		h.absent++
	case err != nil:
		h.t.Errorf("attempt %d: %v", h.attempts, err)
	}
	if err != nil {
		if faithful {
			h.t.Errorf("attempt %d: the guest was recorded and not found: %v", h.attempts, err)
		}
		return
	}
	defer p.Close()
	if h.g == nil || p.Pid() != h.g.pid {
		h.t.Errorf("attempt %d: found %d by %s, which is not the guest: %+v", h.attempts, p.Pid(), how, rec)
	}
	// Nothing but the guest gets it, so that it can be what ends all else.
	ok(h.t, p.Signal([]unix.Signal{unix.SIGTERM, unix.SIGKILL, unix.SIGHUP}[h.rnd.IntN(3)]))
	ok(h.t, p.Wait(h.t.Context()))
	h.hits++
	if h.g != nil {
		h.endGuest()
	}
}
