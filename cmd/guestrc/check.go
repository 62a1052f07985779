package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/guestrc/guestrc/bridge/service"
	"github.com/guestrc/guestrc/check"
	"github.com/guestrc/guestrc/finding"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/lint"
)

// This file is "check" as it is asked and answered; what it looks at is in the
// other files of that name.

func checkVerb(ctx context.Context, e *env, args []string) error {
	fix, dry := e.on("fix"), e.on("dry-run")
	if dry && !fix {
		return usage("cannot check: --dry-run goes with --fix", "without --fix nothing is changed")
	}
	names, err := e.guestNames(args)
	if err != nil {
		return err
	}
	d, err := e.newDoctor(names)
	if err != nil {
		return blind{err}
	}
	defer d.systems.tree.Close()
	if e.root == "/" && os.Geteuid() != 0 {
		e.out.warn(&guest.Error{Msg: "not all can be told: this is not root", Hint: "sudo guestrc check"})
	}
	found := finding.Sort(d.examine(ctx))
	if ctx.Err() != nil {
		return blind{fmt.Errorf("cannot go on: %w", ctx.Err())}
	}
	mended := []string{}
	if fix {
		found, mended = e.mend(found, dry)
	}
	if err := e.tellChecked(d.names, found, mended); err != nil {
		return err
	}
	if status := finding.ExitStatus(found); status != 0 {
		return silent(status)
	}
	return nil
}

// blind is an error of a check that has not looked: it is not to pass for one
// that has found no more than warnings.
type blind struct{ error }

func (b blind) Unwrap() error { return b.error }
func (blind) ExitStatus() int { return 2 }

// on tells whether a switch of the verb is given.
func (e *env) on(name string) bool {
	on, _ := e.flags.GetBool(name)
	return on
}

// mend does what can be done without harm, and returns what is left to do.
func (e *env) mend(found []finding.Finding, dry bool) (left []finding.Finding, mended []string) {
	results := map[string]error{}
	mended = []string{}
	for _, f := range found {
		if f.Mend == nil {
			left = append(left, f)
			continue
		}
		err, tried := results[f.Mend.What]
		if !tried {
			if !dry {
				err = f.Mend.Do()
			}
			results[f.Mend.What] = err
			if err != nil {
				e.out.warn(fmt.Errorf("cannot mend %s: %w", f.ID, err))
			} else {
				mended = append(mended, f.Mend.What)
			}
		}
		if err != nil || dry {
			left = append(left, f)
		}
	}
	return left, mended
}

func (e *env) tellChecked(names []guest.Name, found []finding.Finding, mended []string) error {
	if e.wantJSON() {
		answer := map[string]any{"version": 1, "findings": append([]finding.Finding{}, found...)}
		if e.on("fix") {
			answer["mended"] = mended
		}
		return e.printJSON(answer)
	}
	told := gather(found)
	subject := "-"
	for _, t := range told {
		if t.Subject != subject {
			if subject != "-" {
				fmt.Fprintln(e.stdout)
			}
			subject = t.Subject
			fmt.Fprintln(e.stdout, t.heading())
		}
		e.printFinding(t)
	}
	if len(told) > 0 {
		fmt.Fprintf(e.stdout, "\n%s\n", advice(told))
	}
	for _, what := range mended {
		word := "done: "
		if e.on("dry-run") {
			word = "would be done: "
		}
		fmt.Fprintln(e.stdout, word+line(what))
	}
	fmt.Fprintln(e.stdout, summary(names, told))
	return nil
}

// summary is the last line.
func summary(names []guest.Name, told []told) string {
	var of []string
	bridges := 0
	for _, n := range names {
		if n.Kind == service.Kind {
			bridges++
		}
	}
	if guests := len(names) - bridges; guests > 0 || bridges == 0 {
		of = append(of, plural(guests, "guest"))
	}
	if bridges > 0 {
		of = append(of, plural(bridges, "bridge"))
	}
	in := strings.Join(of, " and ")
	if len(told) == 0 {
		return in + " looked at: nothing found"
	}
	var all []finding.Finding
	for _, t := range told {
		all = append(all, t.Finding)
	}
	return finding.Count(all) + " in " + in
}

// advice is the line above it.
func advice(told []told) string {
	fixable := 0
	for _, t := range told {
		if t.Mendable {
			fixable++
		}
	}
	text := fmt.Sprintf("guestrc help %s tells why it matters", told[0].ID)
	if fixable > 0 {
		text += fmt.Sprintf("; guestrc check --fix mends %d", fixable)
	}
	return text
}

// told is a finding as it is printed: what several guests have in common is said
// once.
type told struct {
	finding.Finding
	guests []string // that have it in common; nil for a finding of one
}

// gather puts what concerns the host before what concerns one guest each.
func gather(found []finding.Finding) []told {
	type key struct {
		id, at, message, hint string
	}
	of := func(f finding.Finding) key { return key{f.ID, f.Pos.String(), f.Message, f.Hint} }
	guests := map[key][]string{}
	for _, f := range found {
		guests[of(f)] = append(guests[of(f)], f.Subject)
	}
	var host, each []told
	for _, f := range found {
		same := guests[of(f)]
		switch {
		case len(same) == 0: // was told
		case len(same) == 1 && f.Subject != "":
			each = append(each, told{f, nil})
		default:
			delete(guests, of(f))
			f.Subject = ""
			host = append(host, told{f, slices.DeleteFunc(same, func(s string) bool { return s == "" })})
		}
	}
	return append(host, each...)
}

func (t told) heading() string {
	if t.Subject == "" {
		return "the host and all guests"
	}
	return t.Subject
}

// printFinding prints one: the place comes first, as compilers have it, so that
// editors find it.
func (e *env) printFinding(t told) {
	text := fmt.Sprintf("%s %s: %s", t.Severity, t.ID, t.Message)
	if at := t.Pos.String(); at != "" {
		text = at + ": " + text
	}
	if len(t.guests) > 0 {
		text += " (" + shortened(t.guests) + ")"
	}
	e.wrap("  ", "      ", text)
	if e.on("verbose") {
		e.wrap("      why: ", "           ", t.Why)
	}
	if t.Hint != "" {
		e.wrap("      hint: ", "            ", t.Hint)
	}
}

// shortened names the first few of many.
func shortened(names []string) string {
	const most = 4
	if len(names) > most+1 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// wrap breaks a line where a terminal would, but between words; first and rest
// stand before the lines. A word that is longer stays whole.
func (e *env) wrap(first, rest, text string) {
	text = line(text)
	if e.out.width <= len(rest) {
		fmt.Fprintln(e.stdout, first+text)
		return
	}
	row, filled := first, 0
	for _, word := range strings.Fields(text) {
		if filled > 0 && len([]rune(row))+1+len([]rune(word)) > e.out.width {
			fmt.Fprintln(e.stdout, row)
			row, filled = rest, 0
		}
		if filled > 0 {
			row += " "
		}
		row += word
		filled++
	}
	fmt.Fprintln(e.stdout, row)
}

// explainRule is "help GR101".
func (e *env) explainRule(id string) bool {
	for _, rules := range []finding.Catalogue{check.Rules(), lint.Rules()} {
		if r, ok := rules.Rule(id); ok {
			fmt.Fprintf(e.stdout, "%s: %s (%s)\n\n", r.ID, r.Title, r.Severity)
			e.wrap("", "", r.Why)
			fmt.Fprintln(e.stdout)
			e.wrap("To mend it: ", "  ", r.Fix+".")
			return true
		}
	}
	return false
}
