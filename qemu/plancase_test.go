package qemu

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/guest"
)

// planCase is one file of testdata/plan. Its comment may set the scene, a
// "key: value" per line; then come the guest's conf.d files, "argv" with what
// QEMU is to be run with, an option and its value per line, and "theirs" with
// what qemu-openrc 0.12 runs for the same files, where these are valid there.
type planCase struct {
	file, label string
	name        guest.Name
	host        *fakeHost
	comment     string
	sections    []section
	warnings    []string
	stop, ready string
	accept      bool // the real QEMU can be asked
	confFile    string
}

// section begins with a line "-- NAME --", as in a txtar file.
type section struct{ name, text string }

func planCases(t *testing.T) []*planCase {
	t.Helper()
	files, err := filepath.Glob("testdata/plan/*.txtar")
	if err != nil || len(files) < 25 {
		t.Fatalf("only %d cases in testdata/plan (%v)", len(files), err)
	}
	var cases []*planCase
	for _, file := range files {
		cases = append(cases, readPlanCase(t, file))
	}
	return cases
}

func readPlanCase(t *testing.T, file string) *planCase {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c := &planCase{file: file, label: strings.TrimSuffix(filepath.Base(file), ".txtar"),
		name: mustName(t, "qemu.db"), host: newFakeHost(), accept: true}
	into := &c.comment
	for line := range strings.Lines(string(data)) {
		if name, ok := strings.CutPrefix(line, "-- "); ok && strings.HasSuffix(name, " --\n") {
			c.sections = append(c.sections, section{name: strings.TrimSuffix(name, " --\n")})
			into = &c.sections[len(c.sections)-1].text
			continue
		}
		*into += line
	}
	for line := range strings.Lines(c.comment) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			c.directive(t, key, value)
		}
	}
	return c
}

func (c *planCase) directive(t *testing.T, key, value string) {
	t.Helper()
	switch key {
	case "name":
		c.name = mustName(t, value)
	case "uid":
		if _, err := fmt.Sscan(value, &c.host.uid); err != nil {
			t.Fatal(err)
		}
		c.host.gid = c.host.uid
	case "kvm":
		if value != "works" {
			c.host.kvm = fmt.Errorf("%s", value)
		}
	case "features":
		c.host.features = Features{Version: "11.1.0", RunWithUser: true}
	case "block", "image":
		path, format, _ := strings.Cut(value, " ")
		c.host.images[path] = Image{Block: key == "block", Format: format}
	case "warn":
		c.warnings = append(c.warnings, value)
	case "stop":
		c.stop = value
	case "ready":
		c.ready = value
	case "accept":
		c.accept = false
	case "file":
		c.confFile = value
	}
}

// get is a section's text, without the final newline.
func (c *planCase) get(name string) (string, bool) {
	for _, s := range c.sections {
		if s.name == name {
			return strings.TrimSuffix(s.text, "\n"), true
		}
	}
	return "", false
}

// config loads the case's files as a start would, from a directory; edit, if
// not nil, changes their text first.
func (c *planCase) config(t *testing.T, edit func(string) string) *confd.Config {
	t.Helper()
	dir := t.TempDir()
	files := []string{filepath.Join(dir, c.name.Kind), filepath.Join(dir, c.name.String())}
	for _, path := range files {
		text, ok := c.get(filepath.Base(path))
		if path == files[1] && c.confFile != "" {
			data, err := os.ReadFile(c.confFile)
			if err != nil {
				t.Fatal(err)
			}
			text, ok = string(data), true
		}
		if !ok {
			continue
		}
		if edit != nil {
			text = edit(text)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := confd.Load(files, preset(c.name))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// argvText writes arguments as in a case's "argv": an option and its value on
// one line. What the lines mean is unique, as no value here begins with "-".
func argvText(args []string) string {
	var b strings.Builder
	for i, arg := range args {
		switch {
		case i == 0:
		case strings.HasPrefix(arg, "-"):
			b.WriteByte('\n')
		default:
			b.WriteByte(' ')
		}
		b.WriteString(arg)
	}
	return b.String()
}
