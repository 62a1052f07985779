package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/initd"
)

// The tests of this file hold guestrc(8) against the tables in the code, in
// both directions: what is missing from the page, and what is only there.

// manSection returns the lines of one section of guestrc(8).
func manSection(t *testing.T, title string) []string {
	t.Helper()
	page, err := os.ReadFile("../../docs/man/guestrc.8")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(page), "\n.Sh "+title+"\n")
	if !ok {
		t.Fatalf("guestrc(8) has no section %s", title)
	}
	section, _, _ = strings.Cut(section, "\n.Sh ")
	return strings.Split(section, "\n")
}

// items returns what the tags of a section's lists show of one macro:
// items(lines, "Ev") gives X and Y of ".It Ev X , Y".
func items(lines []string, macro string) []string {
	var found []string
	for _, line := range lines {
		if tag, ok := strings.CutPrefix(line, ".It "+macro+" "); ok {
			for name := range strings.SplitSeq(tag, " , ") {
				found = append(found, strings.TrimSpace(name))
			}
		}
	}
	return found
}

// sameSet reports what only one of two lists has.
func sameSet(t *testing.T, what string, code, page []string) {
	t.Helper()
	slices.Sort(code)
	slices.Sort(page)
	if diff := cmp.Diff(slices.Compact(code), page); diff != "" {
		t.Errorf("%s (-code +page):\n%s", what, diff)
	}
}

func TestManPageHasTheVerbs(t *testing.T) {
	lines := manSection(t, "VERBS")
	end := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "These flags go with every verb") })
	if end < 0 {
		t.Fatal("the flags of every verb are not where this test expects them")
	}
	var code, page []string
	for _, v := range verbs() {
		code = append(code, strings.TrimSpace(v.name+" "+strings.ReplaceAll(v.args, " ", "")))
		for _, f := range v.flags {
			code = append(code, v.name+" --"+f.name)
		}
	}
	verb := ""
	for _, line := range lines[:end] {
		if tag, ok := strings.CutPrefix(line, ".It Cm "); ok {
			var args string
			verb, args, _ = strings.Cut(tag, " ")
			page = append(page, strings.TrimSpace(verb+" "+plainArgs(args)))
		}
		if tag, ok := strings.CutPrefix(line, ".It Fl -"); ok {
			flag, _, _ := strings.Cut(tag, " ")
			page = append(page, verb+" --"+flag)
		}
	}
	sameSet(t, "verbs, operands and flags", code, page)

	var flags []string
	for _, tag := range items(lines[end:], "Fl") {
		flags = append(flags, strings.TrimPrefix(strings.Fields(tag)[0], "-"))
	}
	if !slices.Contains(flags, rootFlag.name) || !slices.Contains(flags, "help") {
		t.Errorf("the flags of every verb are %q, without --root or --help", flags)
	}
}

// plainArgs is what mdoc(7) makes of a tag's arguments, without blanks.
func plainArgs(args string) string {
	if before, last, ok := strings.Cut(args, "Op "); ok { // up to the end of the line
		args = before + "Oo " + last + " Oc"
	}
	return strings.NewReplacer("Oo ", "[", " Oc", "]", "Fl ", "-", "Ar ", "", "Cm ", "", " ", "").Replace(args)
}

func TestManPageHasTheExitStatuses(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../guest/status.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	code := map[string][]string{} // by prefix of the constant's name
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if value, ok := spec.Values[0].(*ast.BasicLit); ok {
			for _, prefix := range []string{"Status", "State"} {
				if strings.HasPrefix(spec.Names[0].Name, prefix) {
					code[prefix] = append(code[prefix], value.Value)
					break
				}
			}
		}
		return true
	})
	actions, status, ok := strings.Cut(strings.Join(manSection(t, "EXIT STATUS"), "\n"), "\nFor\n.Cm status :\n")
	if !ok {
		t.Fatal("the exit statuses of status are not where this test expects them")
	}
	numbers := func(text string) (found []string) {
		for _, m := range regexp.MustCompile(`(?m)^\.It (\d+)$`).FindAllStringSubmatch(text, -1) {
			found = append(found, m[1])
		}
		return found
	}
	sameSet(t, "exit statuses of actions", code["Status"], numbers(actions))
	sameSet(t, "exit statuses of status", code["State"], numbers(status))
}

// TestManPageHasTheEnvironment looks for getenv("NAME") in the program, and for
// ${NAME:-default} in the init script.
func TestManPageHasTheEnvironment(t *testing.T) {
	var code []string
	for _, dir := range []string{".", "../../initd", "../../units", "../../guest", "../../qemu", "../../lxc"} {
		files, err := filepath.Glob(dir + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("no files in %s: %v", dir, err)
		}
		for _, name := range files {
			if !strings.HasSuffix(name, "_test.go") {
				code = append(code, environmentOf(t, name)...)
			}
		}
	}
	for _, m := range regexp.MustCompile(`\$\{([A-Z_]+):-`).FindAllStringSubmatch(initd.Script, -1) {
		code = append(code, m[1])
	}
	sameSet(t, "environment variables", code, items(manSection(t, "ENVIRONMENT"), "Ev"))
}

func environmentOf(t *testing.T, file string) (names []string) {
	t.Helper()
	syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(syntax, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 1 {
			return true
		}
		var name string
		switch fun := call.Fun.(type) {
		case *ast.Ident:
			name = fun.Name
		case *ast.SelectorExpr:
			name = fun.Sel.Name
		}
		if value, ok := call.Args[0].(*ast.BasicLit); ok && strings.EqualFold(name, "getenv") {
			names = append(names, strings.Trim(value.Value, `"`))
		}
		return true
	})
	return names
}

// TestManPageHasTheFiles calls every method of guest.Layout that gives a path.
func TestManPageHasTheFiles(t *testing.T) {
	page := strings.Join(items(manSection(t, "FILES"), "Pa"), "\n") + "\n"
	layout := reflect.ValueOf(guest.Layout{Root: "/"})
	name := reflect.ValueOf(guest.Name{Kind: "KIND", Instance: "NAME"})
	for i := range layout.NumMethod() {
		method := layout.Method(i)
		if method.Type().IsVariadic() {
			continue // At: any path
		}
		args := []reflect.Value{name}[:method.Type().NumIn()]
		switch path := method.Call(args)[0].Interface().(type) {
		case string:
			if !strings.Contains(page, path) {
				t.Errorf("%s is not in the section FILES", path)
			}
		case []string:
			for _, path := range path {
				if !strings.Contains(page, path+"\n") {
					t.Errorf("%s is not in the section FILES", path)
				}
			}
		}
	}
}

// TestManPageHasTheRungs asks for a rung that does not exist; the hint lists
// those that do.
func TestManPageHasTheRungs(t *testing.T) {
	common, kinds, _ := strings.Cut(strings.Join(manSection(t, "THE STOP SCHEDULE"), "\n"), "\n.Ss Rungs of QEMU guests\n")
	machines, containers, ok := strings.Cut(kinds, "\n.Ss Rungs of containers\n")
	if !ok {
		t.Fatal("the rungs of each kind are not where this test expects them")
	}
	for kind, own := range map[string]string{"qemu": machines, "lxc": containers} {
		var page []string
		for _, name := range items(strings.Split(common+"\n"+own, "\n"), "Cm") {
			if name != "..." && strings.ToUpper(name) != name { // signals
				page = append(page, name)
			}
		}
		sameSet(t, "rungs of "+kind, rungsOf(t, kind), page)
	}
}

func rungsOf(t *testing.T, kind string) []string {
	t.Helper()
	root := t.TempDir()
	for path, text := range map[string]string{"etc/conf.d/" + kind + ".x": "stop_schedule=nonsense/1\n", "var/lib/lxc/x/config": "lxc.uts.name = x\n"} {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	e := newEnv("guestrc", nil, &out, &out, func(string) string { return "" })
	e.out.fail(e.run(t.Context(), []string{"--root", root, "plan", kind + ".x"}))
	_, known, ok := strings.Cut(out.String(), "hint: one of ")
	if !ok {
		t.Fatalf("no hint lists the rungs:\n%s", out.String())
	}
	known, _, _ = strings.Cut(known, "\n")
	var rungs []string
	for name := range strings.SplitSeq(known, ", ") {
		if !strings.Contains(name, "signal") {
			rungs = append(rungs, name)
		}
	}
	return rungs
}
