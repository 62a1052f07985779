package house

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// rule restricts the use of names of other packages, called or not.
type rule struct {
	pkg     string
	names   []string
	allowed func(*goFile) bool
	why     string
}

var rules = []rule{
	{"os", []string{"Exit", "Stdin", "Stdout", "Stderr"}, commandOrHarness,
		"only a program's main package exits and talks; everybody else returns"},
	{"fmt", []string{"Print", "Printf", "Println"}, commandOrHarness,
		"only a program's main package prints; everybody else returns"},
	{"time", []string{"Sleep", "Tick"}, (*goFile).harness,
		"wait for what is awaited (pidfd, event, context), not for a clock"},
	{"context", []string{"Background", "TODO"}, commandOrHarness,
		"a context comes from whoever asked, so that everything ends when they give up"},
	{"golang.org/x/sys/unix", []string{"Kill"}, (*goFile).harness,
		"a number may be another process by now: signals go through a pidfd"},
	{"syscall", []string{"Kill"}, (*goFile).harness,
		"a number may be another process by now: signals go through a pidfd"},
	{"os", []string{"FindProcess"}, (*goFile).harness,
		"a number may be another process by now: package pidfile finds processes"},
	{"golang.org/x/sys/unix", []string{"PidfdOpen", "PidfdSendSignal"}, func(f *goFile) bool { return f.harness() || f.dir == "pidfile" },
		"package pidfile identifies before it signals, and nobody else signals"},
}

func commandOrHarness(f *goFile) bool { return f.command() || f.harness() }

func TestWhoMayCallWhat(t *testing.T) {
	for _, f := range goFiles(t) {
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, ok := sel.X.(*ast.Ident)
			if !ok || pkg.Obj != nil { // a variable of that name
				return true
			}
			for _, r := range rules {
				if f.imports[pkg.Name] == r.pkg && slices.Contains(r.names, sel.Sel.Name) && !r.allowed(f) {
					t.Errorf("%s: %s.%s: %s", f.at(sel), pkg.Name, sel.Sel.Name, r.why)
				}
			}
			return true
		})
	}
}

// TestSkipsAskForCI finds t.Skip by its name: no other method here is called
// like it. A function that skips must look at CI, as package need does, which
// serves all others. A fuzz target may skip an input.
func TestSkipsAskForCI(t *testing.T) {
	for _, f := range goFiles(t) {
		for _, d := range f.syntax.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || f.below("tests/need", "tests/lab") || strings.HasPrefix(fn.Name.Name, "Fuzz") {
				continue
			}
			var skip ast.Node
			asks := false
			ast.Inspect(fn, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					if slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, n.Sel.Name) {
						skip = n
					}
				case *ast.BasicLit:
					asks = asks || n.Value == `"CI"`
				}
				return true
			})
			if skip != nil && !asks {
				t.Errorf("%s: %s skips whatever CI says: in CI a missing component must fail (package need knows)", f.at(skip), fn.Name.Name)
			}
		}
	}
}
