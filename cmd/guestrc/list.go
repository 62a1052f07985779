package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/bridge"
	"github.com/guestrc/guestrc/guest"
)

func list(ctx context.Context, e *env, _ []string) error {
	if watch, _ := e.flags.GetBool("watch"); watch {
		return e.watch(ctx)
	}
	all, err := e.survey(ctx, true, nil)
	if err != nil {
		return err
	}
	return e.printList(all)
}

func (e *env) printList(all []guest.Status) error {
	if e.wantJSON() {
		return e.printJSON(map[string]any{"version": 1, "guests": all})
	}
	return e.printLines(tableOf(all, e.out.width))
}

func (e *env) printLines(lines []string) error {
	_, err := fmt.Fprintln(e.stdout, strings.Join(lines, "\n"))
	if errors.Is(err, unix.EPIPE) { // whoever read it has read enough
		return silent(guest.StatusDone)
	}
	if err != nil {
		return fmt.Errorf("cannot print the table: %w", err)
	}
	return nil
}

// survey looks at all guests and bridges, and at what they use. deep also asks
// the guests' own monitors. s, where there is one, is given back before a panic
// ends the program.
func (e *env) survey(ctx context.Context, deep bool, s *screen) ([]guest.Status, error) {
	names, err := e.names()
	if err != nil {
		return nil, err
	}
	slices.SortFunc(names, func(a, b guest.Name) int { return naturally(a.String(), b.String()) })
	links := sync.OnceValue(countLinks)
	return together(names, func(n guest.Name) (st guest.Status) {
		looked := false
		defer func() {
			if !looked && s != nil {
				s.release()
			}
		}()
		st = e.look(ctx, n, func(ctx context.Context) (guest.Status, error) { return e.house.Survey(ctx, n, deep, links) })
		looked = true
		return st
	}), nil
}

// countLinks is nothing where the links cannot be listed: traffic is not what
// anybody asked for in the first place.
func countLinks() map[string]guest.LinkCount {
	counters, err := bridge.Traffic()
	if err != nil {
		return nil
	}
	counts := make(map[string]guest.LinkCount, len(counters))
	for name, c := range counters {
		counts[name] = guest.LinkCount(c)
	}
	return counts
}

// listColumns go in the order of what a reader can do without.
var listColumns = []column{
	{title: "NAME"},
	{title: "STATE"},
	{title: "SINCE", spare: 6},
	{title: "PID", right: true, spare: 7},
	{title: "GUEST", least: 10, spare: 2},
	{title: "CPU%", right: true, spare: 3},
	{title: "RSS", right: true, spare: 4},
	{title: "NEXT", spare: 8},
	{title: "WORST", right: true, spare: 5},
	{title: "NOTE", least: 20, spare: 1},
}

func tableOf(all []guest.Status, width int) []string {
	var rows [][]string
	for _, st := range all {
		rows = append(rows, listRow(st))
	}
	return layOut(listColumns, rows, width)
}

func listRow(st guest.Status) []string {
	since, pid, cpu, rss, next, worst := "-", "-", "-", "-", "-", "-"
	if st.PID != 0 {
		pid = strconv.Itoa(st.PID)
		next, worst = st.Rung, "∞"
	}
	if st.PID != 0 && !st.StartedAt.IsZero() {
		since = st.StartedAt.Local().Format("2006-01-02 15:04")
	}
	if st.PID != 0 && st.Worst != nil {
		worst = time.Duration(*st.Worst).String()
	}
	if u := st.Usage; u != nil {
		cpu, rss = fmt.Sprintf("%.1f", u.Percent), size(u.Memory)
	}
	return []string{st.Guest, st.State, since, pid, inside(st), cpu, rss, next, worst, note(st)}
}

// inside is what is known of the guest itself: how it is, else what it is.
func inside(st guest.Status) string {
	c := st.Condition
	switch {
	case c == nil:
		return "-"
	case c.State != guest.Running:
		return line(c.State)
	case c.Init != "" && c.OS != "":
		return line(c.Init + ", " + c.OS)
	case c.Init+c.OS == "":
		return "-"
	}
	return line(c.Init + c.OS)
}

func note(st guest.Status) string {
	switch {
	case st.Message != "":
		return line(st.Message)
	case st.Condition != nil && st.Condition.Why != "":
		return line(st.Condition.Why)
	case st.PID == 0 && st.LastStop != nil:
		return line(st.LastStop.Text)
	}
	return ""
}

// size is a number of bytes in three digits or so: 999, 1.2K, 35M.
func size(bytes uint64) string {
	const units = "KMGTPE"
	if bytes < 1000 {
		return strconv.FormatUint(bytes, 10)
	}
	value, unit := float64(bytes)/1024, 0
	for value >= 999.5 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	if value < 9.95 {
		return fmt.Sprintf("%.1f%c", value, units[unit])
	}
	return fmt.Sprintf("%.0f%c", value, units[unit])
}

// unchanged tells whether two surveys differ in nothing but figures.
func unchanged(a, b []guest.Status) bool {
	return slices.EqualFunc(a, b, func(a, b guest.Status) bool {
		a.Usage, b.Usage = nil, nil
		one, two := listRow(a), listRow(b)
		return slices.Equal(one, two)
	})
}
