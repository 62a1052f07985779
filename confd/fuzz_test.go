package confd

import (
	"bytes"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzLoad: a text is either refused with a place in it, or gives values that
// stay the same when it is read again and when they are written back.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		"", "A=1\n", "A=1 B=$A\n", "A='x'\"$A\"\\y\n", ": ${A:=x} \"${B=y}\"\n", "export A=1 B\n", "A=${B:-${C:+x}}\n", "A=${VM_NAME#*.}${VM_NAME%%.*}\n",
		"A=\\\n1 # x \\\nB=2\n", "A=\"a$\"\n", "A=$(id)\n", "A=`id`\n", "if true; then A=1; fi\n", "A=<(id)\n", "f() { :; }\n", "A=(1)\n", "A=$((1))\n", "cat <<E\nx\nE\n",
		"A=\x00\n", "A=\r\n", "\ufeffA=1\n", "A=\xff\n", "A=~\n", "A='\n", "A=\"\\\\\\\n\"\n", "a=$a$a$a$a\n", "A=1 id\n", "export A0=$0(`", "A=${A:-\\}}", "é=1", "A=$'a'",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		original := bytes.Clone(src)
		c, err := Parse("f", src, presets())
		if !bytes.Equal(src, original) {
			t.Fatal("the text was changed")
		}
		if err != nil {
			checkErrors(t, src, err)
			return
		}
		again, err := Parse("f", src, presets())
		if diff := cmp.Diff(c, again); err != nil || diff != "" {
			t.Fatalf("read twice: %v %s", err, diff)
		}
		var back strings.Builder
		for _, v := range c.Values {
			if v.Pos == (Pos{}) {
				continue
			}
			fmt.Fprintf(&back, "%s='%s'\n", v.Name, strings.ReplaceAll(v.Text, "'", `'\''`))
			if len(v.Text) > maxValue || !nameAt(src, v.Pos, v.Name) {
				t.Errorf("%s at %v", v.Name, v.Pos)
			}
		}
		if back.Len() > maxFile {
			return
		}
		c2, err := Parse("back", []byte(back.String()), presets())
		if err != nil {
			t.Fatalf("written back: %v\n%s", err, back.String())
		}
		for i, v := range c.Values {
			if got := c2.Values[i]; got.Name != v.Name || got.Text != v.Text {
				t.Errorf("written back, %q becomes %+v", v.Name+"="+v.Text, got)
			}
		}
	})
}

func nameAt(src []byte, p Pos, name string) bool {
	lines := bytes.Split(src, []byte("\n"))
	return p.Line <= len(lines) && p.Col <= len(lines[p.Line-1])+1 && bytes.HasPrefix(lines[p.Line-1][p.Col-1:], []byte(name))
}

func checkErrors(t *testing.T, src []byte, err error) {
	t.Helper()
	list := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined.Unwrap()
	}
	lines := bytes.Split(src, []byte("\n"))
	for _, err := range list {
		var e *Error
		switch {
		case !errors.As(err, &e):
			t.Errorf("%T: %v", err, err)
		case strings.Contains(e.Msg, "internal error"):
			t.Errorf("panic: %v", err)
		case len(src) > maxFile:
		case e.Pos.Line < 1 || e.Pos.Line > len(lines) || e.Pos.Col < 1 || e.Pos.Col > len(lines[e.Pos.Line-1])+1:
			t.Errorf("no place in the text: %v", err)
		}
	}
}

// FuzzValue: no text makes a reader panic, and words written back with quotes
// are split the same.
func FuzzValue(f *testing.F) {
	for _, seed := range []string{"", "1G", "1.5GiB", "0-3:2,8", "52:54:00:12:34:56", `a 'b c' "d\"e" f\ g`, "yes", "-5", "agent/10/KILL/5", "'"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v := value(text)
		for _, typ := range []Type{String, Words, Bool, Int, Signed, Seconds, Size, Path, Enum, MAC, CPUs, Schedule} {
			if err := (Var{Name: "x", Type: typ, Choices: []string{"a", "b:"}}).check(v); err != nil {
				var e *Error
				if !errors.As(err, &e) || e.Pos != v.Pos {
					t.Errorf("%s: %v", typ, err)
				}
			}
		}
		words, err := SplitWords(v)
		if err != nil {
			return
		}
		var back strings.Builder
		for _, w := range words {
			back.WriteString(" '" + strings.ReplaceAll(w, "'", `'\''`) + "'")
		}
		again, err := SplitWords(value(back.String()))
		if diff := cmp.Diff(words, again); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
		if n, _, ok := splitIndexed(text); ok && !strings.Contains(n, "N") {
			t.Errorf("splitIndexed(%q) = %q", text, n)
		}
		testTable.Nearest(text)
	})
}

// TestNothingThatRuns: no package that could run a command is imported.
func TestNothingThatRuns(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".go") || strings.HasSuffix(file.Name(), "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file.Name(), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range tree.Imports {
			switch strings.Trim(i.Path.Value, `"`) {
			case "os/exec", "mvdan.cc/sh/v3/interp", "mvdan.cc/sh/v3/expand", "plugin", "unsafe":
				t.Errorf("%s imports %s", file.Name(), i.Path.Value)
			}
		}
	}
}

func BenchmarkParse(b *testing.B) {
	var text strings.Builder
	for i := range 16 { // five lines each: 80 in all
		fmt.Fprintf(&text, "# Disk %d of the guest, with a comment of ordinary length.\ndisk%d_file=\"/var/lib/guests/${VM_NAME}/disk%d.img\"\ndisk%d_cache=none\n: ${a%d:=$disk%d_file}\nb%d='x y' c%d=${a:-1G}\n", i, i, i, i, i, i, i, i)
	}
	src := []byte(text.String())
	if n := bytes.Count(src, []byte("\n")); n != 80 {
		b.Fatalf("%d lines", n)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("f", src, presets()); err != nil {
			b.Fatal(err)
		}
	}
}
