package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf16"

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
	return e.look(ctx, n, func(ctx context.Context) (guest.Status, error) { return e.house.Status(ctx, n, true) })
}

// look asks how n is within inspectTime; a bridge is no guest, and asked
// otherwise.
func (e *env) look(ctx context.Context, n guest.Name, ask func(context.Context) (guest.Status, error)) guest.Status {
	ctx, cancel := context.WithTimeout(ctx, inspectTime)
	defer cancel()
	if n.Kind == service.Kind {
		ask = func(context.Context) (guest.Status, error) { return service.Look(e.house.Layout, n) }
	}
	st, err := ask(ctx)
	if err != nil {
		return guest.Status{Guest: n.String(), State: guest.Unknown, Code: guest.StateUnknown, Message: err.Error()}
	}
	noticed, err := e.house.Notice(ctx, n, st)
	if err != nil {
		e.out.warn(err)
	}
	if noticed.LastStop != st.LastStop || noticed.End != st.End { // OpenRC has it as started, and would start it never again
		e.tellOpenRC(context.WithoutCancel(ctx), []guest.Name{n})
	}
	return noticed
}

// moment is when a guest ended, or before when, if it was only noticed.
func moment(at time.Time, about bool) string {
	text := at.Local().Format(timeForm)
	if about {
		return "before " + text
	}
	return text
}

// describe is the line of "status" for people.
func describe(st guest.Status) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", st.Guest, st.State)
	if st.PID != 0 {
		fmt.Fprintf(&b, " (pid %d", st.PID)
		if !st.StartedAt.IsZero() {
			fmt.Fprintf(&b, ", since %s", st.StartedAt.Local().Format(timeForm))
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
	last := st.LastStop
	switch {
	case st.End != nil:
		fmt.Fprintf(&b, " (%s)", moment(st.End.At, st.End.About))
	case last == nil || !last.Own || st.State != guest.Stopped:
	case last.Cause == guest.CauseGuest:
		fmt.Fprintf(&b, " (by the guest, %s)", moment(last.At, last.About))
		return b.String()
	default:
		fmt.Fprintf(&b, " (%s)", moment(last.At, last.About))
	}
	if st.Message != "" {
		fmt.Fprintf(&b, ": %s", st.Message)
	}
	if last != nil && st.PID == 0 && !last.Own {
		fmt.Fprintf(&b, "; last stop %s: %s", last.At.Local().Format(timeForm), last.Text)
		if last.Cause != "" {
			fmt.Fprintf(&b, " [%s]", last.Cause)
		}
	}
	return b.String()
}

// inspectors is how many guests are asked at once.
const inspectors = 16

// slow is when a guest no longer counts as one of them: its monitor hangs, and
// the others are not to wait for it.
const slow = 5 * time.Millisecond

// statuses asks for many guests at once.
func (e *env) statuses(ctx context.Context, names []guest.Name) []guest.Status {
	return together(names, func(n guest.Name) guest.Status { return e.statusOf(ctx, n) })
}

// together asks for many at once, and keeps their order. Those that hang do so
// at the same time.
func together(names []guest.Name, ask func(guest.Name) guest.Status) []guest.Status {
	all := make([]guest.Status, len(names)) // JSON's [] when there is none
	slots := make(chan struct{}, inspectors)
	var asked sync.WaitGroup
	for i, n := range names {
		slots <- struct{}{}
		asked.Go(func() {
			leave := sync.OnceFunc(func() { <-slots })
			defer leave()
			defer time.AfterFunc(slow, leave).Stop()
			all[i] = ask(n)
		})
	}
	asked.Wait()
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
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	if err == nil {
		_, err = io.WriteString(e.stdout, escapeJSON(text.String()))
	}
	if err != nil {
		return fmt.Errorf("cannot print JSON: %w", err)
	}
	return nil
}

// escapeJSON writes as \u what package json leaves as it is in strings though a
// terminal may act on it: control characters beyond ASCII's, and those of format.
func escapeJSON(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r < 0x7f || !unicode.IsControl(r) && !unicode.Is(unicode.Cf, r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}
