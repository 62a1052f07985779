package qemu

import (
	"context"
	"time"
)

// chardevTime bounds agentGone: where the monitor hangs, the agent is asked.
const chardevTime = 500 * time.Millisecond

// chardev is one of query-chardev's (qapi/char.json, ChardevInfo).
type chardev struct {
	Label string
	Open  bool `json:"frontend-open"`
}

// agentGone reports whether QEMU knows that no program in the guest has the
// agent's channel open. It costs a millisecond, where asking an agent that is
// not there costs agentTime.
func (t *target) agentGone(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, chardevTime)
	defer cancel()
	var chardevs []chardev
	if err := t.execute(ctx, "query-chardev", nil, &chardevs); err != nil {
		return false
	}
	for _, c := range chardevs {
		if c.Label == agentChardev {
			return !c.Open
		}
	}
	return false
}
