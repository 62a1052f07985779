package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/guestrc/guestrc/bridge/service"
	"github.com/guestrc/guestrc/guest"
)

// inspectTime bounds what a guest's own monitor may take in status and list.
const inspectTime = 250 * time.Millisecond

func status(ctx context.Context, e *env, args []string) error {
	names, err := e.guestNames(args)
	if err != nil {
		return err
	}
	all := e.statuses(ctx, names)
	if e.wantJSON() {
		err = e.printJSON(map[string]any{"version": 1, "guests": all})
	} else {
		for _, st := range all {
			fmt.Fprintln(e.stdout, line(describe(st)))
		}
	}
	worst := 0
	for _, st := range all {
		worst = max(worst, st.Code)
	}
	if err == nil && worst != 0 {
		err = silent(worst)
	}
	return err
}

func (e *env) statusOf(ctx context.Context, n guest.Name) guest.Status {
	ctx, cancel := context.WithTimeout(ctx, inspectTime)
	defer cancel()
	look := func() (guest.Status, error) { return e.house.Status(ctx, n, true) }
	if n.Kind == service.Kind {
		look = func() (guest.Status, error) { return service.Look(e.house.Layout, n) }
	}
	st, err := look()
	if err != nil {
		return guest.Status{Guest: n.String(), State: guest.Unknown, Code: guest.StateUnknown, Message: err.Error()}
	}
	return st
}

// describe is the line of "status" for people.
func describe(st guest.Status) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", st.Guest, st.State)
	if st.PID != 0 {
		fmt.Fprintf(&b, " (pid %d", st.PID)
		if !st.StartedAt.IsZero() {
			fmt.Fprintf(&b, ", since %s", st.StartedAt.Local().Format("2006-01-02 15:04:05"))
		}
		if st.Condition != nil && st.Condition.Init != "" {
			fmt.Fprintf(&b, ", init %s", st.Condition.Init)
		}
		b.WriteString(")")
	}
	if c := st.Condition; c != nil && c.State != "running" {
		fmt.Fprintf(&b, ", guest %s", c.State)
		if c.Why != "" {
			fmt.Fprintf(&b, ": %s", c.Why)
		}
	}
	if st.Message != "" {
		fmt.Fprintf(&b, ": %s", st.Message)
	}
	if last := st.LastStop; last != nil && st.PID == 0 {
		fmt.Fprintf(&b, "; last stop %s: %s", last.At.Local().Format("2006-01-02 15:04:05"), last.Text)
		if last.Cause != "" {
			fmt.Fprintf(&b, " [%s]", last.Cause)
		}
	}
	return b.String()
}

func list(ctx context.Context, e *env, _ []string) error {
	names, err := e.names()
	if err != nil {
		return err
	}
	all := e.statuses(ctx, names)
	if e.wantJSON() {
		return errors.Join(err, e.printJSON(map[string]any{"version": 1, "guests": all}))
	}
	w := tabwriter.NewWriter(e.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "GUEST\tSTATE\tPID\tSINCE\tNOTE")
	for _, st := range all {
		pid, since := "-", "-"
		if st.PID != 0 {
			pid = fmt.Sprint(st.PID)
		}
		if st.PID != 0 && !st.StartedAt.IsZero() {
			since = st.StartedAt.Local().Format("2006-01-02 15:04")
		}
		note := st.Message
		if note == "" && st.Condition != nil && st.Condition.State != "running" {
			note = strings.TrimSuffix(st.Condition.State+": "+st.Condition.Why, ": ")
		}
		if note == "" && st.PID == 0 && st.LastStop != nil {
			note = st.LastStop.Text
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", st.Guest, st.State, pid, since, line(note))
	}
	return errors.Join(err, w.Flush())
}

// inspectors is how many guests are asked at once.
const inspectors = 16

// statuses asks for many guests at once: the monitors of some may hang.
func (e *env) statuses(ctx context.Context, names []guest.Name) []guest.Status {
	all := make([]guest.Status, len(names)) // JSON's [] when there is none
	guest.Each(len(names), inspectors, func(i int) { all[i] = e.statusOf(ctx, names[i]) })
	return all
}

func plan(ctx context.Context, e *env, args []string) error {
	all := []guest.Plan{} // JSON's [] when there is none
	err := e.each(ctx, args, func(n guest.Name) error {
		p, err := e.planOf(ctx, n)
		if err == nil {
			all = append(all, p)
		}
		return err
	})
	if e.wantJSON() {
		return errors.Join(e.printJSON(map[string]any{"version": 1, "plans": all}), err)
	}
	for i, p := range all {
		if i > 0 {
			fmt.Fprintln(e.stdout)
		}
		e.printPlan(p)
	}
	return err
}

func (e *env) planOf(ctx context.Context, n guest.Name) (guest.Plan, error) {
	if n.Kind == service.Kind {
		return e.planBridge(n)
	}
	i, err := e.house.Configure(ctx, n, &progress{e: e, name: n})
	if err != nil {
		return guest.Plan{}, err
	}
	return i.Plan(), nil
}

func (e *env) printPlan(p guest.Plan) {
	fmt.Fprintf(e.stdout, "# %s, from %s\n", p.Guest, strings.Join(p.Files, ", "))
	for i, arg := range p.Argv {
		switch {
		case i == 0:
			fmt.Fprint(e.stdout, clean(shellQuote(arg)))
		case strings.HasPrefix(arg, "-"):
			fmt.Fprint(e.stdout, " \\\n    ", clean(shellQuote(arg)))
		default:
			fmt.Fprint(e.stdout, " ", clean(shellQuote(arg)))
		}
	}
	notes := p.Notes
	if len(p.Argv) > 0 {
		fmt.Fprintln(e.stdout)
		notes = append(notes, "ready: "+p.Ready, "stop: "+p.Stop)
	}
	for _, note := range notes {
		fmt.Fprintln(e.stdout, "# "+line(note))
	}
}

// shellQuote writes arg so that a POSIX shell reads it back.
func shellQuote(arg string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_@%+=:,./-", r)
	}
	if arg != "" && strings.IndexFunc(arg, func(r rune) bool { return !plain(r) }) < 0 {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}

func (e *env) wantJSON() bool {
	on, _ := e.flags.GetBool("json")
	return on
}

func (e *env) printJSON(v any) error {
	enc := json.NewEncoder(e.stdout)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("cannot print JSON: %w", err)
	}
	return nil
}
