package check

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/finding"
	"github.com/guestrc/guestrc/guest"
)

// The ids of faults that their finders give none.
const (
	unusable = "GR100" // an error
	unseen   = "GR106"
	idle     = "GR103" // a warning
)

// Faults are the findings of an error as a kind, a reader of files or a preflight
// gives it: one for each fault that is joined in it. What only says what the error
// is about is left out where a fault inside has a place of its own.
func Faults(subject string, err error) []finding.Finding {
	var all []finding.Finding
	for _, f := range apart(err) {
		all = append(all, f.finding(subject, unusable))
	}
	return all
}

// Unseen are the findings of a look that failed.
func Unseen(subject string, err error) []finding.Finding {
	var all []finding.Finding
	for _, f := range apart(err) {
		f.id = unseen
		all = append(all, f.finding(subject, unseen))
	}
	return all
}

// Refused makes of faults that only tell of what we may not do what could not be
// looked at: for whoever is not root they are no fault of a guest's. Kinds tell
// them as the system does.
func Refused(found []finding.Finding) {
	for i, f := range found {
		if strings.Contains(f.Message, unix.EACCES.Error()) || strings.Contains(f.Message, unix.EPERM.Error()) {
			found[i] = Rules().New(unseen, f.Subject, f.Pos, f.Message, "")
		}
	}
}

// Warnings are the findings of faults that do not keep a guest from starting.
func Warnings(subject string, faults []*confd.Error) []finding.Finding {
	var all []finding.Finding
	for _, e := range faults {
		all = append(all, fault{id: e.ID, msg: e.Msg, hint: e.Hint, at: e.Pos}.finding(subject, idle))
	}
	return all
}

// fault is one error, apart from what it is wrapped in.
type fault struct {
	id, msg, hint string
	at            confd.Pos
	own           bool // it says by itself what it is about
}

func (f fault) finding(subject, otherwise string) finding.Finding {
	rules := Rules()
	id := cmp.Or(f.id, otherwise)
	if _, known := rules.Rule(id); !known { // an id of lint's, or none at all
		id = otherwise
	}
	return rules.New(id, subject, f.at, f.msg, f.hint)
}

// apart takes an error to pieces. Several in one sentence stay together.
func apart(err error) []fault {
	if err == nil {
		return nil
	}
	if e, ok := err.(*confd.Error); ok {
		return []fault{{e.ID, e.Msg, e.Hint, e.Pos, true}}
	}
	var inner []fault
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		list := e.Unwrap()
		if errors.Join(list...).Error() != err.Error() {
			break
		}
		for _, one := range list {
			inner = append(inner, apart(one)...)
		}
		return inner
	case interface{ Unwrap() error }:
		inner = apart(e.Unwrap())
	}
	id, hint := said(err)
	if len(inner) > 1 || slices.ContainsFunc(inner, func(f fault) bool { return f.own }) {
		for i := range inner {
			inner[i].id, inner[i].hint = cmp.Or(inner[i].id, id), cmp.Or(inner[i].hint, hint)
		}
		return inner
	}
	whole := fault{id: id, msg: err.Error(), hint: hint}
	if len(inner) == 1 {
		whole.id, whole.hint = cmp.Or(id, inner[0].id), cmp.Or(hint, inner[0].hint)
	}
	return []fault{whole}
}

// said is what an error tells besides its text.
func said(err error) (id, hint string) {
	if h, ok := err.(interface{ HintText() string }); ok {
		hint = h.HintText()
	}
	e, ok := err.(*guest.Error)
	switch {
	case !ok:
		return "", hint
	case e.ID == "" && e.Status == guest.StatusNotInstalled:
		return "GR408", hint
	}
	return e.ID, hint
}
