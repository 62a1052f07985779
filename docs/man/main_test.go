package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/bridge/netifrc"
	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/lxc"
	"github.com/guestrc/guestrc/qemu"
	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/need"
)

func TestPageListsTheVariables(t *testing.T) {
	page, err := os.ReadFile("guestrc.conf.5")
	if err != nil {
		t.Fatal(err)
	}
	want, err := update(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(page), "\n"), strings.Split(string(want), "\n")); diff != "" {
		t.Errorf("guestrc.conf.5 is out of date: go generate ./docs/man (-page +table)\n%s", diff)
	}
}

// TestPageExplainsTheTypes: those that variables have, and no others.
func TestPageExplainsTheTypes(t *testing.T) {
	page, err := os.ReadFile("guestrc.conf.5")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := bytes.Cut(page, []byte(".Sh TYPES\n"))
	section, _, _ = bytes.Cut(section, []byte(".Sh "))
	explained := map[string]bool{}
	for line := range strings.Lines(string(section)) {
		if name, ok := strings.CutPrefix(line, ".It Ar "); ok {
			explained[strings.TrimSpace(name)] = true
		}
	}
	used := map[string]bool{}
	for _, k := range kinds {
		for _, v := range k.vars {
			if v.Type != confd.Enum {
				used[string(v.Type)] = true
			}
		}
	}
	if diff := cmp.Diff(used, explained); diff != "" {
		t.Errorf("section TYPES (-used +explained):\n%s", diff)
	}
}

// TestExamplesAreUnderstood reads every conf.d example of the page. Those of
// containers come last.
func TestExamplesAreUnderstood(t *testing.T) {
	page, err := os.ReadFile("guestrc.conf.5")
	if err != nil {
		t.Fatal(err)
	}
	machines, containers, ok := strings.Cut(string(page), "\n.Ss Containers\n")
	if !ok {
		t.Fatal("the examples of containers are not where this test expects them")
	}
	containers, bridges, ok := strings.Cut(containers, "\n.Ss Bridges\n")
	if !ok {
		t.Fatal("the examples of bridges are not where this test expects them")
	}
	understood(t, machines, qemu.Vars, 4)
	understood(t, containers, lxc.Vars, 2)
	understood(t, bridges, netifrc.Vars("br0"), 2)
}

// understood wants at least so many examples in text, and none that table would
// complain about.
func understood(t *testing.T, text string, table confd.Table, want int) {
	t.Helper()
	blocks := strings.Split(text, ".Bd -literal -offset indent\n")[1:]
	if len(blocks) < want {
		t.Fatalf("only %d examples found, want %d", len(blocks), want)
	}
	for _, block := range blocks {
		text, _, _ := strings.Cut(block, ".Ed")
		cfg, err := confd.Parse("example", []byte(text), map[string]string{"VM_NAME": "db"})
		if err != nil {
			t.Errorf("%v, in\n%s", err, text)
			continue
		}
		warnings, err := table.Check(cfg)
		if err != nil || len(warnings) > 0 {
			t.Errorf("%v %v, in\n%s", err, warnings, text)
		}
	}
}

func TestPagesAreCleanMdoc(t *testing.T) {
	if out, err := mandoc(t, "", "-Tlint", "-Wwarning", "guestrc.8", "guestrc.conf.5"); err != nil || out != "" {
		t.Errorf("mandoc: %v\n%s", err, out)
	}
}

// mandoc returns what mandoc(1) prints, without the overstriking by which a
// terminal is told of bold and underlined text.
func mandoc(t *testing.T, page string, args ...string) (string, error) {
	t.Helper()
	need.Programs(t, "mandoc")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "mandoc", args...)
	cmd.Stdin = strings.NewReader(page)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := lab.Start(t, cmd).Wait(ctx)
	return overstrike.ReplaceAllString(out.String(), ""), err
}

var overstrike = regexp.MustCompile(`.\x08`)

// TestTextSurvivesRoff asks mandoc what a hostile help text becomes.
func TestTextSurvivesRoff(t *testing.T) {
	help := `'quoted' first. .Sh not a section. A \fBbackslash\fP and -opt, disk0_x=-y … end.`
	table := confd.Table{
		{Name: "diskN_*", Type: confd.String, Group: "Things", Default: `a "b" \ .Sh $c`, Help: help},
		{Name: "how", Type: confd.Enum, Group: "Things", Choices: []string{"No", "tcp:"}, Help: help},
	}
	page := ".Dd November 21, 2026\n.Dt T 5\n.Os\n.Sh NAME\n.Nm t\n.Nd t\n.Sh VARIABLES\n" + string(variables(table))
	out, err := mandoc(t, page, "-Tascii", "-Owidth=200")
	if err != nil {
		t.Fatal(err)
	}
	shown := strings.Join(strings.Fields(out), " ")
	for _, want := range []string{
		"diskN_*=string 'quoted' first. .Sh not a section. A \\fBbackslash\\fP and -opt, disk0_x=-y ... end. Default: ‘a \"b\" \\ .Sh $c’.",
		"how=No | tcp:text 'quoted'",
	} {
		want = strings.NewReplacer("‘", "`", "’", "'").Replace(want)
		if !strings.Contains(shown, want) {
			t.Errorf("not shown: %s\nbut: %s", want, shown)
		}
	}
}
