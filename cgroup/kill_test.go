package cgroup

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/guestrc/guestrc/pidfile"
)

// killers are the ways to kill: what this kernel has, and without cgroup.kill.
var killers = map[string]killer{"as it comes": {}, "before Linux 5.14": {noKill: true}}

// each runs a test for each hierarchy and each way to kill in it.
func each(t *testing.T, test func(t *testing.T, controller string, k killer)) {
	for kind, controller := range kinds {
		for way, k := range killers {
			t.Run(kind+", "+way, func(t *testing.T) { test(t, controller, k) })
		}
	}
}

func wantEmpty(t *testing.T, g Group) {
	t.Helper()
	if pids, err := g.Procs(); err != nil || len(pids) > 0 {
		t.Errorf("left: %v (%v)", pids, err)
	}
	if err := g.Remove(); err != nil {
		t.Error(err)
	}
}

func TestKillEndsEverythingBelow(t *testing.T) {
	each(t, func(t *testing.T, controller string, k killer) {
		g := newGroup(t, controller)
		inner := Group{Dir: g.Dir + "/a/b"}
		if err := os.MkdirAll(inner.Dir, 0o755); err != nil {
			t.Fatal(err)
		}
		other := newGroup(t, controller)
		stranger := newChild(t, "exec cat", other)
		children := []child{newChild(t, "trap '' TERM HUP; cat", g), newChild(t, "exec cat", inner), newChild(t, "sleep 60 & sleep 60", inner)}
		if err := k.kill(within(t, 10*time.Second), []Group{g, {Dir: g.Dir + "-absent"}}); err != nil {
			t.Error(err)
		}
		for _, c := range children {
			if err := c.Wait(within(t, 5*time.Second)); errors.Is(err, context.DeadlineExceeded) {
				t.Error("a child lives on")
			}
		}
		if !stranger.lives() {
			t.Error("a process of another group was killed")
		}
		wantEmpty(t, g)
	})
}

// TestForksDoNotEscape has chains of processes that each fork and exit, faster
// than anybody can list them.
func TestForksDoNotEscape(t *testing.T) {
	each(t, func(t *testing.T, controller string, k killer) {
		g := newGroup(t, controller)
		limit := newGroup(t, "pids")
		if err := os.WriteFile(limit.Dir+"/pids.max", []byte("200"), 0); err != nil {
			t.Fatal(err)
		}
		newForker(t, "chain", limit, g)
		started := time.Now()
		if err := k.kill(within(t, 20*time.Second), []Group{g}); err != nil {
			t.Error(err)
		}
		t.Logf("it took %v", time.Since(started))
		wantEmpty(t, g)
	})
}

// TestABombIsDefused lets processes multiply, as far as a limit protects others.
func TestABombIsDefused(t *testing.T) {
	each(t, func(t *testing.T, controller string, k killer) {
		limit, g := newGroup(t, "pids"), newGroup(t, controller)
		if err := os.WriteFile(limit.Dir+"/pids.max", []byte("60"), 0); err != nil {
			t.Fatal(err)
		}
		newForker(t, "bomb", limit, g)
		deadline := within(t, 10*time.Second)
		grown := time.NewTicker(10 * time.Millisecond) // nothing announces it
		defer grown.Stop()
		for {
			pids, err := g.Procs()
			if err != nil || deadline.Err() != nil {
				t.Fatalf("%d processes (%v)", len(pids), err)
			}
			if len(pids) > 30 {
				break
			}
			<-grown.C
		}
		if err := k.kill(within(t, 20*time.Second), []Group{g}); err != nil {
			t.Error(err)
		}
		wantEmpty(t, g)
	})
}

func TestTheFrozenCanBeKilled(t *testing.T) {
	each(t, func(t *testing.T, controller string, k killer) {
		g := newGroup(t, controller)
		inner := mkdir(t, g.Dir+"/inner")
		c := newChild(t, "exec cat", inner)
		for _, f := range []Group{inner, g} {
			if err := Freeze(within(t, 10*time.Second), []Group{f}); err != nil {
				t.Fatal(err)
			}
		}
		if err := k.kill(within(t, 10*time.Second), []Group{g}); err != nil {
			t.Error(err)
		}
		if err := c.Wait(within(t, 5*time.Second)); errors.Is(err, context.DeadlineExceeded) {
			t.Error("it lives on")
		}
	})
}

func TestKillSparesWhomItIsTold(t *testing.T) {
	each(t, func(t *testing.T, controller string, k killer) {
		g := newGroup(t, controller)
		spared, dead := newChild(t, "exec cat", g), newChild(t, "exec cat", g)
		k.but = []int{spared.Pid()}
		if err := k.kill(within(t, 10*time.Second), []Group{g}); err != nil {
			t.Error(err)
		}
		if err := dead.Wait(within(t, 5*time.Second)); errors.Is(err, context.DeadlineExceeded) {
			t.Error("it lives on")
		}
		if !spared.echoes(t, 10*time.Second) {
			t.Error("the one to spare is dead")
		}
	})
}

func TestWeAreNeitherKilledNorFrozen(t *testing.T) {
	each(t, func(t *testing.T, controller string, k killer) {
		g := newGroup(t, controller)
		own, err := Of(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		c := newChild(t, "exec cat", g)
		enter(t, os.Getpid(), g)
		defer func() {
			for _, o := range own {
				if (o.Version == 2) == (controller == "") && (controller == "" || o.Controllers != nil && o.Controllers[0] == controller) {
					enter(t, os.Getpid(), o)
				}
			}
		}()
		var refused *pidfile.RefusedError
		if err := k.kill(within(t, 10*time.Second), []Group{g}); !errors.As(err, &refused) {
			t.Errorf("Kill: %v", err)
		}
		if err := Freeze(within(t, 10*time.Second), []Group{g}); err == nil {
			t.Error("Freeze: no error")
		}
		if !c.echoes(t, 10*time.Second) {
			t.Error("the other one is dead")
		}
		k.but = []int{os.Getpid()}
		if err := k.kill(within(t, 10*time.Second), []Group{g}); err != nil {
			t.Error(err)
		}
		if err := c.Wait(within(t, 5*time.Second)); errors.Is(err, context.DeadlineExceeded) {
			t.Error("the other one lives on")
		}
	})
}

func TestKillEndsWithItsContext(t *testing.T) {
	g := newGroup(t, "")
	c := newChild(t, "exec cat", g)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Kill(ctx, []Group{g}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if !c.lives() {
		t.Error("it was killed")
	}
}
