package plot

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/history"
	"github.com/guestrc/guestrc/shutdown"
)

// tell is a scene in words: a line for each bar, with its segments.
func tell(s Scene) (lines []string) {
	offset := func(t time.Time) string { return fmt.Sprint(t.Sub(s.Began).Seconds()) }
	for _, b := range s.Bars {
		line := b.Guest + ": " + string(b.Result)
		for _, g := range b.Segments {
			line += " " + strings.TrimSpace(strings.Join([]string{g.What, offset(g.Begin) + "-" + offset(g.End), string(g.Result)}, " ")) + ","
		}
		line = strings.TrimSuffix(line, ",")
		if len(b.After) > 0 {
			line += " after " + strings.Join(b.After, "+")
		}
		lines = append(lines, line)
	}
	return lines
}

func quick(o *history.Occasion, guest string) history.Entry {
	return stopped(o, guest, 0, nil, rung("halt", shutdown.Down, 1))
}

func TestSelectTakesWhatBelongsTogether(t *testing.T) {
	first, second := hostDown(90), &history.Occasion{ID: "b", What: history.StopAll, Began: at(3600)}
	alone := quick(nil, "lxc.alone")
	later := func(guest string, after float64) history.Entry {
		return stopped(second, guest, 3600+after, nil, rung("TERM", shutdown.Down, 2))
	}
	interrupted := stopped(first, "qemu.db", 0, nil, rung("acpi", shutdown.Interrupted, 5))
	went := stopped(first, "qemu.db", 8, nil, rung("acpi", shutdown.Down, 4))
	torn := history.Entry{Event: history.Stop, Occasion: first}
	refused := history.Entry{Guest: "lxc.bad", Event: history.Stop, Occasion: first, Began: at(1), At: at(2), Error: "cannot lock"}
	gone := history.Entry{Guest: "lxc.gone", Event: history.End, Occasion: first, Began: at(-9000), At: at(3)}
	ended := history.Entry{Guest: "qemu.db", Event: history.End, Occasion: first, Began: at(-9000), At: at(7)}
	all := stopped(first, "qemu.old", 0.01, nil, rung("agent", shutdown.Absent, 0), rung("acpi", shutdown.Ignored, 60), rung("quit", shutdown.Skipped, 0), rung("KILL", shutdown.Down, 0.5))

	for _, c := range []struct {
		name    string
		entries []history.Entry
		query   Query
		want    []string
	}{
		{"single stops and other occasions are left out", []history.Entry{alone, quick(first, "lxc.a"), later("lxc.b", 0), started("lxc.c", 0, 1, 2)}, Query{}, []string{"lxc.b: down TERM 0-2 down"}},
		{"the one before", []history.Entry{quick(first, "lxc.a"), later("lxc.b", 0), later("lxc.a", 1)}, Query{Last: 2}, []string{"lxc.a: down halt 0-1 down"}},
		{"the order in the files is nothing", []history.Entry{later("lxc.a", 1), quick(first, "lxc.a"), later("lxc.b", 0)}, Query{Last: 1},
			[]string{"lxc.b: down TERM 0-2 down", "lxc.a: down waiting 0-1, TERM 1-3 down"}},
		{"a second gate goes on", []history.Entry{went, interrupted}, Query{}, []string{"qemu.db: down acpi 0-5 interrupted, acpi 8-12 down"}},
		{"nobody goes on", []history.Entry{interrupted, quick(first, "lxc.a")}, Query{}, []string{"lxc.a: down halt 0-1 down", "qemu.db: interrupted acpi 0-5 interrupted"}},
		{"it ends between two gates", []history.Entry{interrupted, ended}, Query{}, []string{"qemu.db: down acpi 0-5 interrupted, gone 7-7"}},
		{"an entry without a guest", []history.Entry{torn, quick(first, "lxc.a")}, Query{}, []string{"lxc.a: down halt 0-1 down"}},
		{"a stop that failed before it asked", []history.Entry{refused}, Query{}, []string{"lxc.bad: failed waiting 0-1, preparing 1-2"}},
		{"a guest that ended first", []history.Entry{gone}, Query{}, []string{"lxc.gone: down gone 3-3"}},
		{"every rung, but what was skipped", []history.Entry{all}, Query{}, []string{"qemu.old: killed agent 0.01-0.01 absent, acpi 0.01-60.01 ignored, KILL 60.01-60.51 down"}},
		{"guests by name", []history.Entry{all, quick(first, "lxc.a"), quick(first, "lxc.b")}, Query{Guests: []string{"lxc.b", "lxc.nosuch"}}, []string{"lxc.b: down halt 0-1 down"}},
		{"one below the other that it followed", []history.Entry{
			stopped(first, "qemu.db", 2, []string{"lxc.web", "lxc.elsewhere"}, rung("agent", shutdown.Down, 3)), quick(first, "lxc.a"),
			stopped(first, "lxc.web", 0, nil, rung("halt", shutdown.Down, 2)), stopped(first, "lxc.z", 0, nil, rung("halt", shutdown.Down, 9))}, Query{},
			[]string{"lxc.a: down halt 0-1 down", "lxc.web: down halt 0-2 down", "qemu.db: down waiting 0-2, agent 2-5 down after lxc.web", "lxc.z: down halt 0-9 down"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Select(c.entries, c.query)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, tell(s)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestSelectKnowsABoot(t *testing.T) {
	again := func(e history.Entry, fresh bool) history.Entry { e.Fresh = fresh; return e }
	unready := started("lxc.a", 0, 1, 5)
	unready.Ready = false
	respawn := started("lxc.a", 30, 31, 32)
	before := started("lxc.old", -9000, -8999, -8998)
	before.BootID, before.Uptime = bootB, 50
	byAll := started("lxc.late", 5000, 5001, 5002)
	byAll.Occasion = &history.Occasion{ID: "s", What: history.StartAll, Began: at(4990)}
	inBoot := started("lxc.b", 3, 4, 5)
	inBoot.Occasion = &history.Occasion{ID: "t", What: history.StartAll, Began: at(1)}
	// The host's clock was in 1970 until 10 s after the first start.
	stepped := []history.Entry{started("lxc.a", 0, 1, 5), started("lxc.b", 5, 6, 15)}
	for _, t := range []*time.Time{&stepped[0].Began, &stepped[0].Up, &stepped[0].At} {
		*t = t.AddDate(-56, 0, 0)
	}
	failed := started("lxc.a", 0, 0, 1)
	failed.Up, failed.Ready, failed.Error = time.Time{}, false, "no such disk"

	for _, c := range []struct {
		name    string
		entries []history.Entry
		last    int
		want    []string
	}{
		{"the first start of each, and no stop", []history.Entry{started("lxc.a", 0, 1, 2), started("lxc.a", 60, 61, 62), started("lxc.b", 3, 4, 5, "lxc.a"), quick(hostDown(0), "lxc.c")}, 1,
			[]string{"lxc.a: ready starting 0-1, readying 1-2", "lxc.b: ready waiting 0-3, starting 3-4, readying 4-5 after lxc.a"}},
		{"no start of a later day", []history.Entry{started("lxc.a", 0, 1, 2), started("lxc.b", 3000, 3001, 3002)}, 1, []string{"lxc.a: ready starting 0-1, readying 1-2"}},
		{"as long as one follows the other", []history.Entry{started("lxc.a", 0, 1, 560), started("lxc.b", 561, 562, 1000), started("lxc.c", 1001, 1002, 1003)}, 1,
			[]string{"lxc.a: ready starting 0-1, readying 1-560", "lxc.b: ready starting 561-562, readying 562-1000", "lxc.c: ready starting 1001-1002, readying 1002-1003"}},
		{"a start that another one completed", []history.Entry{unready, again(started("lxc.a", 6, 6, 9), false)}, 1,
			[]string{"lxc.a: ready starting 0-1, readying 1-5, starting 6-6, readying 6-9"}},
		{"no second process", []history.Entry{unready, again(started("lxc.a", 6, 7, 9), true), respawn}, 1, []string{"lxc.a: not-ready starting 0-1, readying 1-5"}},
		{"the boot before", []history.Entry{started("lxc.a", 0, 1, 2), before}, 2, []string{"lxc.old: ready starting 0-1, readying 1-2"}},
		{"a start of all, later", []history.Entry{started("lxc.a", 0, 1, 2), byAll}, 1, []string{"lxc.late: ready waiting 0-10, starting 10-11, readying 11-12"}},
		{"a start of all, at boot", []history.Entry{started("lxc.a", 1, 2, 3), inBoot}, 1, []string{"lxc.a: ready starting 0-1, readying 1-2", "lxc.b: ready waiting 0-2, starting 2-3, readying 3-4"}},
		{"a clock that was set", stepped, 1, []string{"lxc.a: ready starting 0-1, readying 1-5", "lxc.b: ready starting 5-6, readying 6-15"}},
		{"a failure", []history.Entry{failed}, 1, []string{"lxc.a: failed starting 0-1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Select(c.entries, Query{Boot: true, Last: c.last})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, tell(s)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestSelectSaysWhatIsMissing(t *testing.T) {
	one := []history.Entry{quick(hostDown(0), "lxc.a"), quick(nil, "lxc.b")}
	for _, c := range []struct {
		entries   []history.Entry
		query     Query
		msg, hint string
	}{
		{nil, Query{}, "none is on record", "stop --all"},
		{one[1:], Query{}, "none is on record", "stop --all"},
		{one, Query{Boot: true}, "cannot find a boot", "start --all"},
		{one, Query{Last: 2}, "fewer are on record", "1 to 1"},
		{one, Query{Guests: []string{"lxc.b"}}, "cannot find lxc.b in the shutdown", "all guests"},
	} {
		_, err := Select(c.entries, c.query)
		var none *NotFoundError
		if !errors.As(err, &none) || !strings.Contains(none.Msg, c.msg) || !strings.Contains(none.HintText(), c.hint) {
			t.Errorf("%v of %d entries: %v", c.query, len(c.entries), err)
		}
	}
}

func TestEveryResultHasItsWords(t *testing.T) {
	o := hostDown(0)
	died := stopped(o, "lxc.died", 0, nil, rung("halt", shutdown.Down, 3))
	died.Stop.Died, died.Stop.By = true, ""
	itself := stopped(o, "lxc.itself", 0, nil)
	itself.Stop.Down = true
	var got []string
	s, err := Select([]history.Entry{
		stopped(o, "lxc.down", 2, nil, rung("exec", shutdown.Failed, 1), rung("halt", shutdown.Down, 11.3)), died, itself,
		stopped(o, "qemu.forced", 0, nil, rung("acpi", shutdown.Ignored, 20), rung("quit", shutdown.Down, 0)),
		stopped(o, "qemu.killed", 0, nil, rung("agent", shutdown.Absent, 0), rung("acpi", shutdown.Ignored, 75), rung("KILL", shutdown.Down, 0)),
		stopped(o, "qemu.left", 0, nil, rung("KILL", shutdown.Ignored, 5)),
		stopped(o, "qemu.cut", 0, nil, rung("acpi", shutdown.Interrupted, 4)),
		{Guest: "qemu.bad", Event: history.Stop, Occasion: o, Began: at(0), At: at(1), Error: "cannot lock"},
	}, Query{})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range s.Bars {
		got = append(got, b.Guest+" | "+b.label()+" | "+b.How())
	}
	slices.Sort(got)
	want := []string{
		"lxc.died | died after 3.0 s | died",
		"lxc.down | 12.3 s halt | by halt",
		"lxc.itself | had ended by itself | by itself",
		"qemu.bad | failed after 1.0 s | failed: cannot lock",
		"qemu.cut | interrupted after 4.0 s | interrupted: acpi interrupted",
		"qemu.forced | forced after 20 s by quit | forced down by quit: acpi ignored",
		"qemu.killed | killed after 75 s | killed: agent absent, acpi ignored",
		"qemu.left | still running after 5.0 s | still running: KILL ignored",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got, want := s.Summary(), "8 guests in 75 s: 2 down, 1 forced down, 1 killed, 1 died, 1 interrupted, 1 still running, 1 failed"; got != want {
		t.Errorf("summary %q, want %q", got, want)
	}
}

// A guest that was stopped by itself tells what it depends on: that followed it.
func TestWhatIsNeededFollowsThoseThatNeedIt(t *testing.T) {
	o := hostDown(90)
	web, db := quick(o, "lxc.web"), stopped(o, "qemu.db", 2, nil, rung("acpi", shutdown.Down, 1))
	web.Needs = []string{"qemu.db", "qemu.elsewhere"}
	s, err := Select([]history.Entry{web, db}, Query{})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range s.Bars {
		want := map[string]string{"qemu.db": "lxc.web"}[b.Guest]
		if got := strings.Join(b.After, " "); got != want {
			t.Errorf("%s followed %q, want %q", b.Guest, got, want)
		}
	}
}
