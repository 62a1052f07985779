package qemu

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// differences are all the ways in which our command line may differ from that
// of qemu-openrc 0.12 for the same files. Each rewrites what one of the two
// runs into what they have in common, and names the words of
// docs/from-qemu-openrc.md that tell people.
var differences = []struct {
	doc                   string
	ours, theirs, replace string // a regular expression each for a line
}{
	{doc: "A monitor of our own", ours: `^-(chardev socket,id=|mon chardev=)guestrc-qmp\b.*`},
	{doc: "monitor for people", ours: `^-(chardev socket,id=|mon chardev=)guestrc-monitor\b.*`, theirs: `^-monitor unix:.*`},
	{doc: "A serial console", ours: `^-(chardev socket,id=guestrc-console,.*|serial chardev:guestrc-console)`},
	{doc: "guest agent", ours: `^-(device virtio-serial-pci,id=guestrc-serial,.*|chardev socket,id=guestrc-agent,.*|device virtserialport,bus=guestrc-serial.*)`},
	{doc: "pidfile", ours: `^-pidfile .*`},
	{doc: "leaves root", ours: `^-(runas|run-with) .*`},
	{doc: "-sandbox", ours: `^-sandbox .*`},
	{doc: "-display none", ours: `^-display none`},
	{doc: "-accel tcg", ours: `^-accel tcg`},
	{doc: "password=on", theirs: `(^-display vnc=.*),password$`, replace: "$1,password=on"},
	{doc: "readonly=on", theirs: `(^-drive id=cdr.*),readonly,cache=none`, replace: "$1,format=raw,readonly=on,cache=none"},
	{doc: "without the setuid helper", theirs: `^-netdev bridge,(?:br=[^,]*,)?(id=.*)`, replace: "-netdev tap,fd=N,$1"},
	{doc: "without the setuid helper", ours: `^(-netdev tap,)fd=[0-9]+`, replace: "${1}fd=N"},
	{doc: "15 bytes", theirs: `^(-name .*,process=.{15}).*`, replace: "$1"},
}

// TestEquivalent holds our command line against qemu-openrc's.
func TestEquivalent(t *testing.T) {
	compared := 0
	for _, c := range planCases(t) {
		theirs, ok := c.get("theirs")
		if !ok {
			continue
		}
		compared++
		t.Run(c.label, func(t *testing.T) {
			ours, _ := c.get("argv")
			a, b := c.common(strings.Split(theirs, "\n"), false), c.common(strings.Split(ours, "\n"), true)
			if diff := cmp.Diff(sorted(a), sorted(b)); diff != "" {
				t.Errorf("the command lines differ (-theirs +ours):\n%s", diff)
			}
			if diff := cmp.Diff(devices(a), devices(b)); diff != "" {
				t.Errorf("the devices have another order, and so other slots (-theirs +ours):\n%s", diff)
			}
		})
	}
	if compared < 20 {
		t.Errorf("only %d cases say what theirs runs", compared)
	}
}

// TestDifferencesDocumented: nothing differs that people are not told of.
func TestDifferencesDocumented(t *testing.T) {
	doc, err := os.ReadFile("../docs/from-qemu-openrc.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range differences {
		if !strings.Contains(string(doc), d.doc) {
			t.Errorf("docs/from-qemu-openrc.md does not say %q", d.doc)
		}
	}
}

// common rewrites a command line to what both have in common.
func (c *planCase) common(lines []string, ours bool) []string {
	var out []string
	for _, line := range lines {
		for _, d := range differences {
			pattern := d.theirs
			if ours {
				pattern = d.ours
			}
			if pattern != "" {
				line = regexp.MustCompile(pattern).ReplaceAllString(line, d.replace)
			}
		}
		line = inMiB.ReplaceAllStringFunc(line, toMiB)
		line = c.withoutVNCDefault(line)
		line = c.withoutBlockFormat(line)
		if line != "" {
			out = append(out, line)
		}
	}
	return out
}

// inMiB are sizes in -m, which theirs passes on as they were written.
var inMiB = regexp.MustCompile(`\b(size|maxmem)=[0-9]+[GM]?`)

func toMiB(s string) string {
	name, text, _ := strings.Cut(s, "=")
	n, err := strconv.Atoi(strings.TrimRight(text, "GM"))
	if err != nil {
		return s
	}
	if strings.HasSuffix(text, "G") {
		n <<= 10
	}
	return name + "=" + strconv.Itoa(n) + "M"
}

// withoutVNCDefault: theirs listens everywhere unless told otherwise.
func (c *planCase) withoutVNCDefault(line string) string {
	for _, s := range c.sections {
		if strings.Contains(s.text, "vnc_listen=") {
			return line
		}
	}
	return strings.Replace(line, "-display vnc=0.0.0.0:", "-display vnc=127.0.0.1:", 1)
}

// withoutBlockFormat: we say that a block device is raw, theirs lets QEMU guess.
func (c *planCase) withoutBlockFormat(line string) string {
	for path, image := range c.host.images {
		if image.Block && strings.Contains(line, "file="+path+",") {
			return strings.Replace(line, "format=raw,", "", 1)
		}
	}
	return line
}

func sorted(lines []string) []string { return slices.Sorted(slices.Values(lines)) }

func devices(lines []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
		return !strings.HasPrefix(line, "-device ") && !strings.HasPrefix(line, "-vga ")
	})
}
