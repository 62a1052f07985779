package lint_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/guestrc/guestrc/finding"
	"github.com/guestrc/guestrc/lint"
)

// services are what exists in the world of the examples and of the tables.
var services = []string{"net", "dns", "logger", "localmount", "bootmisc", "firewall", "postgresql", "mta", "ntp-client", "sshd", "clock", "hostname", "dbus", "devfs", "sysfs", "root", "swap"}

// world is a host that has services.
func world() lint.World {
	return lint.World{Service: func(name string) bool { return slices.Contains(services, name) }}
}

// TestEveryRuleHasItsExamples holds testdata/*.txtar against the rules: "GL101/bad/…"
// breaks that rule and no other, "GL101/good/…" breaks none.
func TestEveryRuleHasItsExamples(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			parts := strings.SplitN(f.Name, "/", 3)
			if len(parts) != 3 || parts[1] != "bad" && parts[1] != "good" {
				t.Errorf("%s: the name %q is not ID/bad/NAME or ID/good/NAME", file, f.Name)
				continue
			}
			id, sort := parts[0], parts[1]
			seen[id+"/"+sort] = true
			got := ids(lint.New(world()).Lint("/etc/"+parts[2], f.Data))
			var want []string
			if sort == "bad" {
				want = []string{id}
			}
			if !slices.Equal(slices.Compact(got), want) {
				t.Errorf("%s: %s: found %q, want %q", file, f.Name, got, want)
			}
		}
	}
	for _, r := range lint.Rules() {
		for _, sort := range []string{"bad", "good"} {
			if !seen[r.ID+"/"+sort] {
				t.Errorf("%s (%s) has no %s example in testdata/*.txtar", r.ID, r.Title, sort)
			}
		}
	}
}

func ids(found []finding.Finding) (ids []string) {
	for _, f := range found {
		ids = append(ids, f.ID)
	}
	slices.Sort(ids)
	return ids
}

func TestRulesAreWorded(t *testing.T) {
	rules := lint.Rules()
	for i, r := range rules {
		switch {
		case r.ID == "" || r.Title == "" || r.Why == "" || r.Fix == "" || r.Severity == "":
			t.Errorf("%s lacks something", r.ID)
		case i > 0 && rules[i-1].ID >= r.ID:
			t.Errorf("%s comes after %s", r.ID, rules[i-1].ID)
		case strings.HasSuffix(r.Title, ".") || !strings.HasSuffix(r.Why, ".") || strings.HasSuffix(r.Fix, "."):
			t.Errorf("%s: a title and a fix have no full stop, a reason has", r.ID)
		}
	}
}
