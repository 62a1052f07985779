// Command checks writes docs/checks.md: every id of check and of lint, with its
// reason, its remedy and, for scripts, the examples that the tests run. It
// refuses an example of an id that no catalogue has.
//
//	go generate ./docs/checks
package main

//go:generate go run . ../../lint/testdata ../checks.md

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/guestrc/guestrc/check"
	"github.com/guestrc/guestrc/finding"
	"github.com/guestrc/guestrc/lint"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "checks:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: checks EXAMPLES PAGE")
	}
	text, err := page(args[0])
	if err != nil {
		return fmt.Errorf("cannot make the page: %w", err)
	}
	if err := os.WriteFile(args[1], text, 0o644); err != nil {
		return fmt.Errorf("cannot write the page: %w", err)
	}
	return nil
}

const intro = `<!-- made by go generate ./docs/checks; edit the catalogues in check/ and lint/ instead -->

# Findings

What ` + "`guestrc check` (GR…) and `guestrc lint`" + ` (GL…) report. ` + "`guestrc help ID`" + ` tells the same on
a console. An id stays what it is for good.

An error does not work, or does harm; a warning will go wrong one day, or is surely not
meant; info could be better. The exit status is 2 for errors, 1 for warnings, 0 if there
is neither.

A comment in a script silences findings: at the end of a line those of that line, right
above a command (or a function) those in it, anywhere else before the first command those
of the whole file:

    # guestrc-lint: disable=GL101,GL501
`

// page is the text of docs/checks.md.
func page(examples string) ([]byte, error) {
	all, err := read(examples)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.WriteString(intro)
	chapter(&out, "Guests: guestrc check", check.Rules(), nil)
	chapter(&out, "Scripts: guestrc lint", lint.Rules(), all)
	for id := range all {
		return nil, fmt.Errorf("cannot place the examples of %s: no rule has that id", id)
	}
	return out.Bytes(), nil
}

// example is the first bad and the first good one of a rule.
type example struct{ bad, good string }

func read(dir string) (map[string]example, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil {
		return nil, err
	}
	all := map[string]example{}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			return nil, err
		}
		for _, f := range archive.Files {
			id, rest, _ := strings.Cut(f.Name, "/")
			one := all[id]
			switch {
			case strings.HasPrefix(rest, "bad/") && one.bad == "":
				one.bad = string(f.Data)
			case strings.HasPrefix(rest, "good/") && one.good == "":
				one.good = string(f.Data)
			}
			all[id] = one
		}
	}
	return all, nil
}

// chapter writes a catalogue, and takes the examples that it used.
func chapter(out *bytes.Buffer, title string, rules finding.Catalogue, examples map[string]example) {
	fmt.Fprintf(out, "\n## %s\n", title)
	for _, r := range rules {
		fmt.Fprintf(out, "\n### %s\n\n**%s** (%s). %s\n\nTo mend it: %s.\n", r.ID, sentence(r.Title), r.Severity, r.Why, r.Fix)
		if e, ok := examples[r.ID]; ok {
			fmt.Fprintf(out, "\nReported:\n\n%s\nNot reported:\n\n%s", block(e.bad), block(e.good))
			delete(examples, r.ID)
		}
	}
}

func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// block is text as code.
func block(text string) string {
	return "```sh\n" + strings.TrimRight(strings.ReplaceAll(text, "\r", "␍"), "\n") + "\n```\n"
}
