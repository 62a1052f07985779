package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const (
	root   = "../.." // of the module
	module = "github.com/guestrc/guestrc"
)

// goFile is one Go file of the module.
type goFile struct {
	path    string // below root, with slashes
	dir     string // the package's, below root
	test    bool   // ends in _test.go
	src     []byte
	fset    *token.FileSet
	syntax  *ast.File
	imports map[string]string // local name → path
}

// at gives file:line of a node.
func (f *goFile) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", f.path, f.fset.Position(n.Pos()).Line)
}

// command reports whether f is part of a program.
func (f *goFile) command() bool { return f.syntax.Name.Name == "main" }

// below reports whether f lies in one of the directories.
func (f *goFile) below(dirs ...string) bool {
	for _, dir := range dirs {
		if f.dir == dir || strings.HasPrefix(f.dir, dir+"/") {
			return true
		}
	}
	return false
}

// harness reports whether f is never part of what is installed.
func (f *goFile) harness() bool { return f.test || f.below("tests", "bench") }

// goFiles returns every Go file of the module.
func goFiles(t *testing.T) []*goFile {
	t.Helper()
	files, err := parseTree()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

var parseTree = sync.OnceValues(func() ([]*goFile, error) {
	var files []*goFile
	err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && name != root && foreign(name):
			return filepath.SkipDir
		case e.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		f, err := parse(name)
		files = append(files, f)
		return err
	})
	return files, err
})

// foreign reports whether a directory is none of the module's: testdata, hidden,
// or a module of its own.
func foreign(dir string) bool {
	if base := filepath.Base(dir); base == "testdata" || strings.HasPrefix(base, ".") {
		return true
	}
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func parse(name string) (*goFile, error) {
	rel, err := filepath.Rel(root, name)
	if err != nil {
		return nil, err
	}
	rel = filepath.ToSlash(rel)
	f := &goFile{path: rel, dir: path.Dir(rel), test: strings.HasSuffix(rel, "_test.go"), fset: token.NewFileSet(), imports: map[string]string{}}
	if f.src, err = os.ReadFile(name); err != nil {
		return nil, err
	}
	if f.syntax, err = parser.ParseFile(f.fset, name, f.src, parser.ParseComments); err != nil {
		return nil, err
	}
	for _, spec := range f.syntax.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		local := path.Base(imported)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		f.imports[local] = imported
	}
	return f, nil
}
