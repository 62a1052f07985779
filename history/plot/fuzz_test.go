package plot

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/history"
	"github.com/guestrc/guestrc/shutdown"
)

// dice makes entries of any sort out of bytes.
type dice []byte

func (d *dice) roll(n int) int {
	if len(*d) == 0 {
		return 0
	}
	b := (*d)[0]
	*d = (*d)[1:]
	return int(b) % n
}

func pick[T any](d *dice, from ...T) T { return from[d.roll(len(from))] }

func (d *dice) time() time.Time {
	return pick(d, at(float64(d.roll(100))), at(float64(d.roll(100))/1000), time.Time{}, at(-1e9), at(1e8), time.Unix(1<<40, 0), time.Unix(-1<<40, 0))
}

func (d *dice) seconds() float64 {
	return pick(d, float64(d.roll(100)), float64(d.roll(100))/1000, 0, -1, math.NaN(), math.Inf(1), math.Inf(-1), 1e300, -1e300, 1e-300)
}

func (d *dice) took() shutdown.Duration {
	return pick(d, shutdown.Duration(sec(float64(d.roll(100)))), 0, -1, math.MaxInt64, math.MinInt64)
}

func (d *dice) word() string {
	return pick(d, "qemu.a", "qemu.b", "lxc.c", "lxc.d", "", "KILL", "acpi", "waiting", "gone", "<&\"\x00\xff", strings.Repeat("w", 300), "日本語")
}

func (d *dice) entry() history.Entry {
	e := history.Entry{Guest: d.word(), Event: pick(d, history.Start, history.Stop, history.End, history.Reset), Began: d.time(), At: d.time(),
		BootID: pick(d, bootA, bootB, ""), Uptime: d.seconds(), Error: d.word(), Cause: d.word(), Text: d.word(),
		Up: d.time(), Ready: d.roll(2) == 0, Fresh: d.roll(2) == 0, Crashed: d.roll(2) == 0}
	for range d.roll(4) {
		e.After = append(e.After, d.word())
	}
	if d.roll(4) > 0 {
		e.Occasion = &history.Occasion{ID: pick(d, "a", "b"), What: pick(d, history.HostShutdown, history.StopAll, history.StartAll), Began: d.time(), Deadline: d.time()}
	}
	if d.roll(4) > 0 {
		e.Stop = &shutdown.Record{Down: d.roll(2) == 0, By: d.word(), Forced: d.roll(2) == 0, Died: d.roll(2) == 0, Took: d.took()}
		for range d.roll(4) {
			e.Stop.Rungs = append(e.Stop.Rungs, shutdown.Outcome{Verb: d.word(), Took: d.took(),
				Result: pick(d, shutdown.Down, shutdown.Ignored, shutdown.Absent, shutdown.Failed, shutdown.Interrupted, shutdown.Skipped, "?")})
		}
	}
	return e
}

// FuzzSVG draws whatever a history may hold.
func FuzzSVG(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 200 {
		seed := make([]byte, 40*(1+i%8))
		for j := range seed {
			seed[j] = byte(random.Uint32())
		}
		f.Add(seed, i%2 == 0)
	}
	f.Fuzz(func(t *testing.T, data []byte, boot bool) {
		var entries []history.Entry
		for d := dice(data); len(d) > 0 && len(entries) < 40; {
			entries = append(entries, d.entry())
		}
		s, err := Select(entries, Query{Boot: boot})
		if err != nil {
			return
		}
		if s.Took() < 0 || s.Summary() == "" {
			t.Errorf("it took %v: %s", s.Took(), s.Summary())
		}
		var b bytes.Buffer
		if err := s.SVG(&b); err != nil {
			t.Fatal(err)
		}
		svg, err := parse(b.Bytes())
		if err != nil {
			t.Fatalf("not well-formed: %v\n%s", err, b.Bytes())
		}
		wide, high := svg.num("width"), svg.num("height")
		for _, n := range append(svg.all("rect", ""), svg.all("text", "")...) {
			x, y := n.num("x"), n.num("y")
			if n.attr["x"] == "" { // the ground
				continue
			}
			if math.IsNaN(x+y) || x < 0 || x > wide || y < 0 || y > high || n.attr["width"] != "" && !(n.num("width") > 0 && x+n.num("width") <= wide) {
				t.Errorf("<%s> leaves the sheet of %v × %v: %v", n.name, wide, high, n.attr)
			}
		}
		for _, p := range svg.all("path", "") {
			if strings.ContainsAny(p.attr["d"], "NIe") {
				t.Errorf("no path: %s", p.attr["d"])
			}
		}
	})
}
