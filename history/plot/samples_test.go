package plot

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/guestrc/guestrc/history"
	"github.com/guestrc/guestrc/shutdown"
)

var zero = time.Date(2026, 11, 21, 3, 0, 0, 0, time.FixedZone("", 3600))

const (
	bootA = "11111111-0000-4000-8000-000000000000"
	bootB = "22222222-0000-4000-8000-000000000000"
)

func at(seconds float64) time.Time { return zero.Add(sec(seconds)) }

func sec(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// hostDown is a shutdown of the host at zero, with that budget in seconds.
func hostDown(budget float64) *history.Occasion {
	o := &history.Occasion{ID: "a", What: history.HostShutdown, Began: zero}
	if budget > 0 {
		o.Deadline = at(budget)
	}
	return o
}

// rung is an outcome.
func rung(verb string, result shutdown.Result, took float64) shutdown.Outcome {
	return shutdown.Outcome{Verb: verb, Result: result, Took: shutdown.Duration(sec(took))}
}

// stopped is the entry of a stop that was asked for at from and had these rungs.
// The last rung's result and name tell how it ended.
func stopped(o *history.Occasion, guest string, from float64, after []string, rungs ...shutdown.Outcome) history.Entry {
	r := shutdown.Record{Rungs: rungs}
	took := 0.0
	for _, x := range rungs {
		took += time.Duration(x.Took).Seconds()
	}
	r.Took = shutdown.Duration(sec(took))
	if n := len(rungs); n > 0 && rungs[n-1].Result == shutdown.Down {
		last := rungs[n-1].Verb
		r.Down, r.By, r.Forced = true, last, last == "KILL" || last == "quit"
	}
	return history.Entry{Version: 1, Guest: guest, Event: history.Stop, Began: at(from), At: at(from + took), BootID: bootA,
		Uptime: 1e6 + from + took, Occasion: o, After: after, Text: r.String(), Stop: &r}
}

// started is the entry of a start at the boot of the host, ready at the end.
func started(guest string, from, up, ready float64, after ...string) history.Entry {
	return history.Entry{Version: 1, Guest: guest, Event: history.Start, Began: at(from), Up: at(up), At: at(ready), BootID: bootA,
		Uptime: 20 + ready, After: after, Ready: true, Fresh: true}
}

// crowd is a shutdown of n guests, with all that can happen.
func crowd(n int, budget float64) []history.Entry {
	o := hostDown(budget)
	r := rand.New(rand.NewPCG(1, uint64(n)))
	var all []history.Entry
	ends := map[string]float64{}
	for i := range n {
		kind, name := "qemu", []string{"web", "mail", "build", "db", "proxy", "ci-runner"}[r.IntN(6)]
		if r.IntN(2) == 0 {
			kind = "lxc"
		}
		guest := fmt.Sprintf("%s.%s%02d", kind, name, i)
		from := r.Float64() * 0.02
		var after []string
		if i > 4 && r.IntN(5) == 0 {
			before := all[r.IntN(i)]
			after, from = []string{before.Guest}, ends[before.Guest]+0.01
			if r.IntN(3) == 0 {
				second := all[r.IntN(i)].Guest
				after, from = append(after, second), max(from, ends[second]+0.01)
			}
		}
		quick := 0.3 + r.ExpFloat64()*3
		var rungs []shutdown.Outcome
		switch dice := r.IntN(20); {
		case dice == 0:
			rungs = []shutdown.Outcome{rung("agent", shutdown.Absent, 0.001), rung("acpi", shutdown.Ignored, 15), rung("quit", shutdown.Ignored, 5), rung("KILL", shutdown.Down, 0.02)}
		case dice == 1:
			rungs = []shutdown.Outcome{rung("acpi", shutdown.Ignored, 15), rung("quit", shutdown.Down, 0.1)}
		case kind == "lxc" && dice < 5:
			rungs = []shutdown.Outcome{rung("halt", shutdown.Ignored, 4), rung("exec", shutdown.Down, quick)}
		case kind == "lxc" && dice < 7:
			rungs = []shutdown.Outcome{rung("TERM", shutdown.Down, quick)}
		case kind == "lxc":
			rungs = []shutdown.Outcome{rung("halt", shutdown.Down, quick)}
		case dice < 8:
			rungs = []shutdown.Outcome{rung("agent", shutdown.Down, quick)}
		case dice < 9:
			rungs = []shutdown.Outcome{rung("ssh", shutdown.Down, quick)}
		default:
			rungs = []shutdown.Outcome{rung("agent", shutdown.Absent, 0.001), rung("acpi", shutdown.Down, quick)}
		}
		e := stopped(o, guest, from, after, rungs...)
		ends[guest] = e.At.Sub(zero).Seconds()
		all = append(all, e)
	}
	return all
}

// samples are scenes that a picture must be good at.
func samples() map[string][]history.Entry {
	few := hostDown(90)
	outlier := crowd(12, 0)[:5]
	outlier = append(outlier, stopped(outlier[0].Occasion, "qemu.windows", 0, nil, rung("acpi", shutdown.Down, 700)))
	var killed, unfinished, long []history.Entry
	for i := range 20 {
		killed = append(killed, stopped(hostDown(30), fmt.Sprintf("qemu.stuck%02d", i), 0, nil,
			rung("agent", shutdown.Absent, 0.002), rung("acpi", shutdown.Ignored, 25-float64(i)/3), rung("KILL", shutdown.Down, 0.015)))
		unfinished = append(unfinished, stopped(hostDown(120), fmt.Sprintf("lxc.open%02d", i), 0, nil,
			rung("halt", shutdown.Ignored, 10), rung("exec", shutdown.Interrupted, 3)))
		long = append(long, stopped(few, fmt.Sprintf("qemu.customer-4711-production-database-replica-frankfurt-%02d.example", i), 0, nil, rung("acpi", shutdown.Down, 2+float64(i))))
	}
	boot := []history.Entry{
		started("lxc.router", 0, 0.2, 3.1), started("qemu.db", 3.2, 3.6, 21, "lxc.router"), started("lxc.dns", 3.2, 3.5, 5, "lxc.router"),
		started("qemu.web", 21.1, 21.5, 35, "qemu.db", "lxc.dns"), started("qemu.slow", 0.1, 0.6, 60.5),
	}
	boot[4].Ready = false
	broken := started("qemu.broken", 0.1, 0, 0.4)
	broken.Up, broken.Ready, broken.Error = time.Time{}, false, "cannot start qemu.broken: <disk> & \"image\" is gone\x1b[31m"
	return map[string][]history.Entry{
		"one": {stopped(few, "qemu.db", 0, nil, rung("agent", shutdown.Absent, 0.002), rung("acpi", shutdown.Down, 12.3))},
		"five": {
			stopped(few, "lxc.web", 0, nil, rung("halt", shutdown.Down, 2.4)),
			stopped(few, "lxc.app", 2.41, []string{"lxc.web"}, rung("halt", shutdown.Down, 6.2)),
			stopped(few, "qemu.db", 8.7, []string{"lxc.app"}, rung("agent", shutdown.Down, 14)),
			stopped(few, "qemu.old", 0, nil, rung("agent", shutdown.Absent, 0.002), rung("acpi", shutdown.Ignored, 60), rung("quit", shutdown.Ignored, 10), rung("KILL", shutdown.Down, 0.04)),
			stopped(few, "lxc.router", 70.1, []string{"lxc.web", "qemu.db", "qemu.old"}, rung("halt", shutdown.Down, 1.1)),
		},
		"twenty": crowd(20, 45), "hundred": crowd(100, 45), "thousand": crowd(1000, 60),
		"outlier": outlier, "killed": killed, "unfinished": unfinished, "long": long, "boot": append(boot, broken),
		"fast": {stopped(hostDown(300), "lxc.a", 0, nil, rung("halt", shutdown.Down, 0.031)), stopped(hostDown(300), "lxc.b", 0.032, []string{"lxc.a"}, rung("halt", shutdown.Down, 0.012))},
	}
}
