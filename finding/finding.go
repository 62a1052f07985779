// Package finding is what check and lint report: what is wrong, where, why it
// matters and how to mend it, in words, as JSON and as SARIF. It refuses to find
// anything itself, and an id that no catalogue has.
package finding

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/guestrc/guestrc/confd"
)

// Severity says how bad it is.
type Severity string

// The severities, the gravest first.
const (
	Error   Severity = "error"   // it does not work, or does harm
	Warning Severity = "warning" // it will go wrong one day, or is surely not meant
	Info    Severity = "info"    // it could be better
)

// rank is 0 for the gravest.
func (s Severity) rank() int { return slices.Index([]Severity{Error, Warning, Info}, s) }

// Rule is one row of a catalogue. Its id is never given to anything else.
type Rule struct {
	ID       string   // "GR101"
	Title    string   // "a variable that nothing reads", without a full stop
	Severity Severity // the usual one
	Why      string   // why it matters; a sentence or two
	Fix      string   // what to do in general; a finding's Hint says it for one case
}

// Catalogue is all rules of one verb, in the order of their ids.
type Catalogue []Rule

// Rule finds the row of an id, whatever the case of its letters.
func (c Catalogue) Rule(id string) (Rule, bool) {
	for _, r := range c {
		if strings.EqualFold(r.ID, id) {
			return r, true
		}
	}
	return Rule{}, false
}

// Finding is one fault.
type Finding struct {
	ID       string    `json:"id"`
	Severity Severity  `json:"severity"`
	Subject  string    `json:"subject,omitempty"` // "qemu.db"; empty: the file is
	Pos      confd.Pos `json:"position"`
	Message  string    `json:"message"`
	Why      string    `json:"why"`
	Hint     string    `json:"hint"`              // how to mend it
	Mend     *Mend     `json:"-"`                 // nil: nothing of ours does it safely
	Mendable bool      `json:"fixable,omitempty"` // Mend is there
}

// Mend does what the hint says, where that can do no harm.
type Mend struct {
	What string // "chmod 0700 /run/guestrc/qemu.db/sock"
	Do   func() error
}

// New makes a finding with what the catalogue says of its id; hint may be empty
// for the catalogue's.
func (c Catalogue) New(id, subject string, at confd.Pos, message, hint string) Finding {
	r, ok := c.Rule(id)
	if !ok {
		panic("finding: no catalogue has " + id) // a test holds every id in the code against the catalogues
	}
	return Finding{ID: r.ID, Severity: r.Severity, Subject: subject, Pos: at, Message: message, Why: r.Why, Hint: cmp.Or(hint, r.Fix)}
}

// WithMend adds what mends it.
func (f Finding) WithMend(what string, do func() error) Finding {
	f.Mend, f.Mendable = &Mend{what, do}, true
	return f
}

// Worst is the gravest severity, and empty for none.
func Worst(all []Finding) Severity {
	worst := Severity("")
	for _, f := range all {
		if worst == "" || f.Severity.rank() < worst.rank() {
			worst = f.Severity
		}
	}
	return worst
}

// ExitStatus is 2 if there are errors, else 1 if there are warnings, else 0.
func ExitStatus(all []Finding) int {
	switch Worst(all) {
	case Error:
		return 2
	case Warning:
		return 1
	}
	return 0
}

// Sort puts findings in the order of subjects, files and lines, and removes
// what was found twice.
func Sort(all []Finding) []Finding {
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.Subject, b.Subject), strings.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Col, b.Pos.Col), strings.Compare(a.ID, b.ID))
	})
	return slices.CompactFunc(all, func(a, b Finding) bool {
		return a.ID == b.ID && a.Subject == b.Subject && a.Pos == b.Pos && a.Message == b.Message
	})
}

// Valid tells whether s is one of the three.
func (s Severity) Valid() bool { return s.rank() >= 0 }

// AtLeast tells whether s is as grave as least, or graver.
func (s Severity) AtLeast(least Severity) bool { return s.rank() <= least.rank() }

// Count says how many there are: "1 error, 2 warnings".
func Count(all []Finding) string {
	var words []string
	for _, s := range []Severity{Error, Warning, Info} {
		n := 0
		for _, f := range all {
			if f.Severity == s {
				n++
			}
		}
		word := string(s)
		if s == Info {
			word = "remark"
		}
		switch {
		case n == 1:
			words = append(words, "1 "+word)
		case n > 1:
			words = append(words, fmt.Sprintf("%d %ss", n, word))
		}
	}
	return strings.Join(words, ", ")
}
