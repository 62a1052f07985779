package house

import (
	"bytes"
	"go/ast"
	"go/doc"
	"go/format"
	"path"
	"slices"
	"strings"
	"testing"
)

func TestPackagesSayWhatTheyDo(t *testing.T) {
	const why = "a reader learns from the first sentence what a package is for"
	docs := map[string]string{} // by directory
	for _, f := range goFiles(t) {
		if f.test {
			continue
		}
		docs[f.dir] += f.syntax.Doc.Text()
		if text := f.syntax.Doc.Text(); text != "" {
			want := "Package " + f.syntax.Name.Name + " "
			if f.command() {
				want = "Command "
			}
			synopsis := new(doc.Package).Synopsis(text)
			if !strings.HasPrefix(synopsis, want) || len(strings.Fields(synopsis)) < 5 || !strings.HasSuffix(synopsis, ".") {
				t.Errorf("%s: the package comment begins %q, not \"%s…\" and a whole sentence: %s", f.path, synopsis, want, why)
			}
		}
	}
	for dir, text := range docs {
		if text == "" {
			t.Errorf("%s: no file has a package comment: %s", dir, why)
		}
	}
}

func TestPackagesHaveNamesOfTheField(t *testing.T) {
	empty := []string{"util", "utils", "common", "helper", "helpers", "types", "misc", "lib", "shared", "base", "core"}
	for _, f := range goFiles(t) {
		for _, name := range []string{f.syntax.Name.Name, path.Base(f.dir)} {
			if slices.Contains(empty, name) {
				t.Errorf("%s: the name %q says nothing: whatever lands there could be anywhere", f.path, name)
			}
		}
	}
}

const (
	maxLines    = 600
	medianLines = 150
)

func TestFilesAreSmall(t *testing.T) {
	var sizes []int
	for _, f := range goFiles(t) {
		n := bytes.Count(f.src, []byte("\n"))
		if n > maxLines {
			t.Errorf("%s: %d lines, more than %d: a file is one idea, read in one sitting", f.path, n, maxLines)
		}
		if !f.test {
			sizes = append(sizes, n)
		}
	}
	slices.Sort(sizes)
	if median := sizes[len(sizes)/2]; median > medianLines {
		t.Errorf("the median file has %d lines, more than %d: split what holds two ideas", median, medianLines)
	}
}

func TestFilesAreFormatted(t *testing.T) {
	for _, f := range goFiles(t) {
		formatted, err := format.Source(f.src)
		if err != nil {
			t.Errorf("%s: %v", f.path, err)
		} else if !bytes.Equal(formatted, f.src) {
			t.Errorf("%s: not as gofmt writes it: nobody should have to argue about layout", f.path)
		}
	}
}

func TestNothingHappensBeforeMain(t *testing.T) {
	for _, f := range goFiles(t) {
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: an init function: what it does cannot be ordered, tested or left out", f.at(fn))
			}
		}
	}
}

// TestNoGlobalState finds assignments to package-level variables. The parser
// resolves identifiers within one file; one that it leaves open and that the
// package declares is the package's.
func TestNoGlobalState(t *testing.T) {
	globals := map[string]map[string]bool{} // by directory
	for _, f := range goFiles(t) {
		if globals[f.dir] == nil {
			globals[f.dir] = map[string]bool{}
		}
		for _, d := range f.syntax.Decls {
			if gen, ok := d.(*ast.GenDecl); ok {
				for _, spec := range gen.Specs {
					if v, ok := spec.(*ast.ValueSpec); ok {
						for _, name := range v.Names {
							globals[f.dir][name.Name] = name.Name != "_"
						}
					}
				}
			}
		}
	}
	for _, f := range goFiles(t) {
		if f.harness() {
			continue // TestMain has nowhere else to put what it made
		}
		check := func(target ast.Expr) {
			if id, ok := base(target).(*ast.Ident); ok && globals[f.dir][id.Name] && (id.Obj == nil || f.syntax.Scope.Lookup(id.Name) == id.Obj) {
				t.Errorf("%s: changes the package's variable %s: two callers, or two tests, would meet in it", f.at(id), id.Name)
			}
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for _, target := range n.Lhs {
					check(target)
				}
			case *ast.IncDecStmt:
				check(n.X)
			}
			return true
		})
	}
}

// base is the variable that an assignment to e changes: a in a.b[c].
func base(e ast.Expr) ast.Expr {
	for {
		switch x := e.(type) {
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return e
		}
	}
}
