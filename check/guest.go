package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/finding"
	"github.com/guestrc/guestrc/guest"
)

// Shelf is a sort of conf.d files, and the variables that they may set.
type Shelf struct {
	Kind string // whose they are; "guestrc" for the one of all guests together
	Of   string // for people: "lxc guests"
	File string // where a line belongs: "/etc/conf.d/lxc.NAME"
	Vars confd.Table
}

// Guest is what an examination found in one guest. other are the files of other
// sorts: what belongs there is told apart from what belongs nowhere.
func Guest(x guest.Examination, other []Shelf) []finding.Finding {
	name := x.Name.String()
	if x.Nothing {
		return nothing(x)
	}
	all := Faults(name, x.Err)
	for _, w := range x.Warnings {
		all = append(all, warning(name, w, other))
	}
	all = append(all, Faults(name, x.Refusal)...)
	all = append(all, Warnings(name, x.Faults)...)
	return append(all, state(x, name)...)
}

// warning is one that may be about a variable of other files.
func warning(subject string, w *confd.Error, other []Shelf) finding.Finding {
	var of, files []string
	for _, s := range other {
		if _, _, _, ok := s.Vars.Lookup(w.Var); ok && w.Var != "" {
			of, files = append(of, s.Of), append(files, s.File)
		}
	}
	if len(of) == 0 {
		f := Warnings(subject, []*confd.Error{w})[0]
		if w.Var != "" && w.Hint == "" {
			kind, _, _ := strings.Cut(cmp.Or(subject, "guestrc"), ".")
			f.Hint = "guestrc vars " + kind + " lists those that there are"
		}
		return f
	}
	return Rules().New("GR104", subject, w.Pos, fmt.Sprintf("%s is a variable of %s, and has no effect here", w.Var, join(of)), "move the line to "+strings.Join(files, " or "))
}

// Bridge is what an examination found in one bridge.
func Bridge(name string, faults []*confd.Error, other []Shelf) (all []finding.Finding) {
	for _, e := range faults {
		all = append(all, warning(name, e, other))
	}
	return all
}

// Shared are the findings of a conf.d file that is of no guest alone.
func Shared(err error, warnings []*confd.Error, other []Shelf) (all []finding.Finding) {
	for _, w := range warnings {
		all = append(all, warning("", w, other))
	}
	for _, f := range apart(err) {
		f.id = "GR105"
		all = append(all, f.finding("", unusable))
	}
	return all
}

// nothing is about a guest that no file describes: all that is known of it is how
// it is.
func nothing(x guest.Examination) []finding.Finding {
	name := x.Name.String()
	switch {
	case x.Status.State == "":
		return nil
	case x.Status.Code == guest.StateRunning:
		return []finding.Finding{Rules().New("GR608", name, confd.Pos{}, "it runs, and nothing describes it: it can be stopped, and not started again", "describe it in /etc/conf.d/"+name)}
	}
	return state(x, name)
}

// state tells how a guest is that does not run as it should.
func state(x guest.Examination, name string) []finding.Finding {
	id, hint := "", ""
	switch {
	case x.Status.State == "":
		return nil // it was not asked for
	case x.Status.Code == guest.StateCrashed:
		id, hint = "GR703", "guestrc history "+name+" tells what happened; a start clears it away, and so does guestrc check --fix "+name
	case x.Status.Code == guest.StateLocked:
		id, hint = "GR703", "look at what it is: fuser -v /run/guestrc/"+name+"/lease"
	case x.Status.Code == guest.StateUnknown && (x.Err == nil || x.Nothing):
		id = "GR705"
	default:
		return nil
	}
	return []finding.Finding{Rules().New(id, name, confd.Pos{}, cmp.Or(x.Status.Message, "it is "+x.Status.State), hint)}
}

// Shelves are those but for the one of kind.
func Shelves(all []Shelf, kind string) []Shelf {
	return slices.DeleteFunc(slices.Clone(all), func(s Shelf) bool { return s.Kind == kind })
}
