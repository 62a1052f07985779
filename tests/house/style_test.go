package house

import (
	"go/ast"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestStyleNamesTheRules holds docs/style.md against the tests of this package,
// in both directions.
func TestStyleNamesTheRules(t *testing.T) {
	var rules []string
	for _, f := range goFiles(t) {
		if f.dir != "tests/house" {
			continue
		}
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && f.test && strings.HasPrefix(fn.Name.Name, "Test") {
				rules = append(rules, fn.Name.Name)
			}
		}
	}
	named := regexp.MustCompile(`\bTest[A-Z]\w+`).FindAllString(strings.Join(lines(t, "docs/style.md"), "\n"), -1)
	slices.Sort(rules)
	slices.Sort(named)
	if diff := cmp.Diff(rules, slices.Compact(named)); diff != "" {
		t.Errorf("docs/style.md (-rules +named):\n%s", diff)
	}
}
