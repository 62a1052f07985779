package qemu

import "context"

// agentGone reports whether QEMU knows that no program in the guest has the
// agent's channel open. It costs a millisecond, where asking an agent that is
// not there costs agentTime.
func (t *target) agentGone(ctx context.Context) bool {
	var chardevs []struct {
		Label string
		Open  bool `json:"frontend-open"`
	}
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
