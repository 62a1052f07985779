package shutdown

import (
	"math"
	"time"
)

// What a rung keeps for those after it when time is short.
const (
	// reserve is enough for a monitor or an agent that is well to answer, and
	// for a guest that has little to do to go down; at most an eighth of all the time.
	reserve = 3 * time.Second
	// killReserve is for a large guest, whose memory the kernel frees first; at
	// most a quarter of all the time.
	killReserve = 5 * time.Second
	// killLeast is what KILL has even when the time is over.
	killLeast = 2 * time.Second
	// useful is the least for a rung to be begun at all.
	useful = 100 * time.Millisecond
)

const kill = "KILL"

func (s Schedule) endsInKill() bool { return len(s) > 0 && s[len(s)-1].Verb == kill }

// kept is what a rung that comes later keeps of a time that is short: of all
// that there was at first.
func (s Step) kept(all time.Duration) time.Duration {
	switch s.Verb {
	case Forever: // it only goes on waiting for the rung before it
		return 0
	case kill:
		return min(s.Wait, killReserve, max(0, all/4))
	}
	return min(s.Wait, reserve, max(0, all/8))
}

// share is what the first rung of s gets of the time that is left: its own when
// all have theirs, else what the others do not keep.
func (s Schedule) share(left, all time.Duration) time.Duration {
	first := s[0]
	if s.Total() <= left {
		return first.Wait
	}
	if len(s) == 1 && first.Verb == kill {
		return min(first.Wait, max(left, killLeast))
	}
	mine, later := first.kept(all), time.Duration(0)
	for _, step := range s[1:] {
		later += step.kept(all)
	}
	if !s.endsInKill() {
		later += Step{kill, killReserve}.kept(all)
	}
	share := min(first.Wait, left-later)
	if left < mine+later { // what all keep, as far as it goes
		share = time.Duration(float64(left) * (float64(mine) / float64(mine+later)))
	}
	if share < useful {
		return 0
	}
	return share
}

// lastResort is the rung that ends what a deadline kept from its own rungs.
func lastResort(left time.Duration) Schedule {
	return Schedule{{kill, min(killReserve, max(left, killLeast))}}
}

// Within is the schedule as it is when only so much time is left and every rung
// uses all of its own: those without any are missing, and where time was
// taken away the last one is KILL.
func (s Schedule) Within(left time.Duration) Schedule {
	var plan Schedule
	short, all := false, left
	for i, step := range s {
		wait := s[i:].share(left, all)
		short = short || wait < step.Wait
		if wait > 0 {
			plan = append(plan, Step{step.Verb, wait})
		}
		if left < math.MaxInt64 {
			left -= wait
		}
	}
	if short && !s.endsInKill() {
		plan = append(plan, lastResort(left)...)
	}
	return plan
}
