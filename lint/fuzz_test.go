package lint_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/guestrc/guestrc/finding"
	"github.com/guestrc/guestrc/lint"
)

// FuzzLint: no text makes the linter panic, point outside of the file, or say
// something else when it is asked again.
func FuzzLint(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for i, a := range archive.Files {
			if i%5 == 0 || testing.Short() {
				f.Add(a.Data)
			}
		}
	}
	for _, src := range []string{"", "#!/sbin/openrc-run", "#!/bin/sh\n[", "#!/sbin/openrc-run\n\"\"\n[ ]\nrm -r \"\"\neend \"\"\n$()", "a=$b\nb=$a\n",
		"#!/sbin/openrc-run\nf() ( ebegin x; while :; do break; done )\n", "x= \"\"\n- =\n", "!( !(", "#!/sbin/openrc-run\n() x\nf() { () y; }", "#!/sbin/runscript\nlocal \"\" '' a[0]=b\nfor ((;;)) { :; }"} {
		f.Add([]byte(src))
	}
	l := lint.New(world())
	f.Fuzz(func(t *testing.T, src []byte) {
		for _, name := range []string{"/etc/init.d/web", "/etc/conf.d/web"} {
			found := l.Lint(name, src)
			lines := bytes.Count(src, []byte("\n")) + 1
			for _, f := range found {
				if f.Pos.File != name || f.Pos.Line < 0 || f.Pos.Line > lines || f.Pos.Col < 0 || f.Pos.Col > len(src)+1 || f.Message == "" || strings.Contains(f.Message, "the parser failed (runtime") {
					t.Errorf("%s: %s %q", f.Pos, f.ID, f.Message)
				}
			}
			if again := l.Lint(name, src); !slices.EqualFunc(found, again, func(a, b finding.Finding) bool {
				return a.ID == b.ID && a.Pos == b.Pos && a.Message == b.Message && a.Severity == b.Severity
			}) {
				t.Error("asked again, it says something else")
			}
		}
	})
}

// BenchmarkLint measures what one core does with the examples.
func BenchmarkLint(b *testing.B) {
	src, err := os.ReadFile("testdata/conduct.txtar")
	if err != nil {
		b.Fatal(err)
	}
	archive := txtar.Parse(src)
	l := lint.New(world())
	for b.Loop() {
		for _, f := range archive.Files {
			l.Lint("/etc/"+f.Name, f.Data)
		}
	}
	b.ReportMetric(float64(b.N*len(archive.Files))/b.Elapsed().Seconds(), "scripts/s")
}
