package house

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestModulesHaveReasons(t *testing.T) {
	inBlock := false
	for n, line := range lines(t, "go.mod") {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0:
		case fields[0] == "replace":
			t.Errorf("go.mod:%d: a replace directive: \"go install\" refuses a module that has one", n+1)
		case fields[0] == "require" && len(fields) > 1 && fields[1] == "(":
			inBlock = true
		case fields[0] == ")":
			inBlock = false
		case inBlock || fields[0] == "require":
			if _, reason, _ := strings.Cut(line, "//"); len(strings.Fields(reason)) < 2 {
				if strings.TrimSpace(reason) != "indirect" {
					t.Errorf("go.mod:%d: %s has no reason on its line: a dependency is a price, say what for", n+1, fields[0])
				}
			}
		}
	}
}

// TestLinkedModules holds what is linked into the program against a list, so
// that a new dependency of a dependency is seen by whoever reviews the change.
func TestLinkedModules(t *testing.T) {
	const list = "docs/linked-modules.txt"
	var want []string
	for _, line := range lines(t, list) {
		if line != "" && !strings.HasPrefix(line, "#") {
			want = append(want, line)
		}
	}
	var got []string
	for _, dep := range build(t).info.Deps { // sorted by path
		got = append(got, dep.Path)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s is not what the binary holds (-list +binary); if the new one is wanted, change the list:\n%s", list, diff)
	}
}

func lines(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}
