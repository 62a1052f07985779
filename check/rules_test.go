package check

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/guestrc/guestrc/finding"
)

// mentions are the ids that files below the module's root mention: in its code,
// and in its tests.
func mentions(t *testing.T) (code, tests map[string][]string) {
	t.Helper()
	id := regexp.MustCompile(`\bGR[0-9]{3}\b`)
	code, tests = map[string][]string{}, map[string][]string{}
	err := filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		name := filepath.Base(path)
		switch {
		case err != nil:
			return err
		case e.IsDir() && (strings.HasPrefix(name, ".") && path != ".." || name == "bin"):
			return filepath.SkipDir
		case !e.Type().IsRegular() || name == "rules.go" || name == "rules_test.go":
			return nil
		}
		of := code
		switch {
		case strings.HasSuffix(name, "_test.go"), strings.HasSuffix(name, ".txtar"):
			of = tests
		case !strings.HasSuffix(name, ".go"):
			return nil
		}
		text, err := os.ReadFile(path)
		for _, found := range id.FindAll(text, -1) {
			of[string(found)] = append(of[string(found)], path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return code, tests
}

func TestEveryIDIsFoundSomewhereAndTested(t *testing.T) {
	code, tests := mentions(t)
	for _, r := range Rules() {
		if len(code[r.ID]) == 0 {
			t.Errorf("%s (%s): nothing finds it", r.ID, r.Title)
		}
		if len(tests[r.ID]) == 0 {
			t.Errorf("%s (%s): no test triggers it", r.ID, r.Title)
		}
	}
	for id, files := range code {
		if _, ok := Rules().Rule(id); !ok {
			t.Errorf("%s, in %v, is of no rule", id, files)
		}
	}
}

func TestTheCatalogueIsInOrder(t *testing.T) {
	last := ""
	for _, r := range Rules() {
		if r.ID <= last {
			t.Errorf("%s comes after %s", r.ID, last)
		}
		last = r.ID
		if r.Title == "" || strings.HasSuffix(r.Title, ".") || !strings.HasSuffix(r.Why, ".") || r.Fix == "" || strings.HasSuffix(r.Fix, ".") {
			t.Errorf("%s: titles and fixes have no full stop, reasons have one", r.ID)
		}
		if !r.Severity.Valid() || r.Severity == finding.Severity("") {
			t.Errorf("%s: severity %q", r.ID, r.Severity)
		}
	}
}
