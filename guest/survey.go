package guest

import (
	"context"
	"math"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/shutdown"
)

// Survey is Status for those who look at all guests, again and again: it leaves
// out what takes something of a guest's own time, and tells what a running guest
// uses of the host, as far as that can be told. links tells about the host's
// links, if anybody needs it.
func (h *House) Survey(ctx context.Context, n Name, deep bool, links Links) (Status, error) {
	return h.status(ctx, n, deep, links)
}

func (st *Status) surveyed(ctx context.Context, i Instance, proc *pidfile.Process, deep bool, links Links) {
	if deep {
		ask := i.Inspect
		if g, ok := i.(Glancer); ok {
			ask = g.Glance
		}
		c := ask(ctx, proc)
		st.Condition = &c
	}
	if m, ok := i.(Measurer); ok {
		st.Usage = measured(ctx, m, proc, links)
	}
}

// measured is nil for a guest that ends meanwhile, or cannot be measured: its
// state is what was asked for.
func measured(ctx context.Context, m Measurer, proc *pidfile.Process, links Links) *Usage {
	u, err := m.Measure(ctx, proc, links)
	if err != nil {
		return nil
	}
	if age, err := proc.Age(); err == nil && age > 0 {
		u.Percent = math.Round(1000*time.Duration(u.CPU).Seconds()/age.Seconds()) / 10
	}
	return &u
}

// scheduled tells what a stop would do first, and how long it may take.
func (st *Status) scheduled(i Instance) {
	plan := i.Plan()
	st.Schedule = plan.Stop
	for _, step := range plan.Schedule {
		if c, ok := i.(RungChecker); !ok || !c.Lacks(step.Verb) {
			st.Rung = step.Verb
			break
		}
	}
	if total := plan.Schedule.Total(); total != math.MaxInt64 && len(plan.Schedule) > 0 {
		worst := shutdown.Duration(total)
		st.Worst = &worst
	}
}

// current is recorded with the stop policy that a stop would find now. Files
// are read if one of them was changed since the guest started.
func (h *House) current(ctx context.Context, n Name, s State) (Instance, error) {
	for _, name := range h.Layout.ConfFiles(n) {
		var file unix.Stat_t
		if unix.Stat(name, &file) == nil && time.Unix(file.Ctim.Unix()).After(s.StartedAt) {
			return h.recall(ctx, n, s, discard{})
		}
	}
	return h.recorded(ctx, n, s)
}
