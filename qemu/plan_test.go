package qemu

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/guest"
)

var update = flag.Bool("update", false, "write what is planned into testdata/plan, to be reviewed")

// TestPlan: text in, exact argv out.
func TestPlan(t *testing.T) {
	for _, c := range planCases(t) {
		t.Run(c.label, func(t *testing.T) {
			m, err := newMachine(guest.Layout{Root: "/"}, c.name, c.config(t, nil), c.host)
			if err != nil {
				t.Fatal(err)
			}
			got := argvText(append([]string{m.Binary}, m.Args...))
			if *update {
				c.write(t, "argv", got)
			}
			want, ok := c.get("argv")
			if !ok {
				t.Fatal("the case has no section argv; -update writes it")
			}
			if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("argv (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.warnings, warningTexts(m)); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
			if c.stop != "" && m.Stop.Schedule != c.stop {
				t.Errorf("stop schedule %q, want %q", m.Stop.Schedule, c.stop)
			}
			if got := readyText(m.Readiness); c.ready != "" && got != c.ready {
				t.Errorf("ready %q, want %q", got, c.ready)
			}
		})
	}
}

func warningTexts(m *Machine) []string {
	var texts []string
	for _, w := range m.warnings {
		if w.ID == "" {
			w.Msg += " (without an id)"
		}
		texts = append(texts, w.Msg)
	}
	return texts
}

func readyText(r Ready) string {
	text := r.How
	switch {
	case r.Pattern != "":
		text += ` "` + r.Pattern + `"`
	case r.Banner:
		text += " " + r.Address + " banner"
	case r.Address != "":
		text += " " + r.Address
	case r.Port != 0:
		text += fmt.Sprintf(" %d %v", r.Port, r.Cards)
	case r.CID != 0:
		text += fmt.Sprintf(" %d", r.CID)
	}
	return text
}

// write puts a section into the case's file.
func (c *planCase) write(t *testing.T, name, text string) {
	t.Helper()
	if i := slices.IndexFunc(c.sections, func(s section) bool { return s.name == name }); i >= 0 {
		c.sections[i].text = text + "\n"
	} else {
		c.sections = append(c.sections, section{name, text + "\n"})
	}
	out := c.comment
	for _, s := range c.sections {
		out += "-- " + s.name + " --\n" + s.text
	}
	if err := os.WriteFile(c.file, []byte(out), 0o644); err != nil {
		t.Fatal(err)
	}
}
