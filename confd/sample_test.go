package confd

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestSample(t *testing.T) {
	var b strings.Builder
	if err := testTable[:7].Sample(&b, "Defaults of all guests.\n\nA second paragraph that is long enough to be broken into two lines by the writer of the sample."); err != nil {
		t.Fatal(err)
	}
	want := `# Defaults of all guests.
#
# A second paragraph that is long enough to be broken into two lines by the
# writer of the sample.

# ---- Machine ----------------------------------------------------------------

# How much memory the guest has at its start, in a sentence that is long enough
# to be wrapped once or twice.
#memory="512M"

# Whether the host's processor runs the guest. One of yes, no, auto.
#enable_kvm="auto"

# The name.
#VM_NAME=""

# Text.
#console='a "quoted" it'\''s'

# Log.
#logfile="/var/log/${VM_NAME}.log"

# ---- Disks ------------------------------------------------------------------

# Of all disks.
#disk_cache=""

# Image.
#disk0_file=""
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

// TestSampleIsConfiguration: every line of the sample is one that we read, and
// no line is too long.
func TestSampleIsConfiguration(t *testing.T) {
	var b strings.Builder
	if err := testTable.Sample(&b, "Sample."); err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(b.String(), "\n") {
		if utf8.RuneCountInString(line) > sampleWidth {
			t.Errorf("too long: %q", line)
		}
	}
	for _, text := range []string{b.String(), regexp.MustCompile(`(?m)^#([A-Za-z0-9_]+=)`).ReplaceAllString(b.String(), "$1")} {
		c, err := Parse("sample", []byte(text), nil)
		if err != nil {
			t.Fatal(err)
		}
		if warnings, err := testTable.Check(c); err != nil || len(warnings) > 0 {
			t.Errorf("%v, %v", warnings, err)
		}
	}
	if c := parse(t, b.String()); len(c.Values) > 0 {
		t.Errorf("the sample sets %v", c.Values)
	}
}

func TestList(t *testing.T) {
	table := Table{testTable[0], testTable[1], {Name: "pool", Type: String, Help: "Überall: ein Wort.", Default: "é"}}
	var b strings.Builder
	if err := table.List(&b, 70); err != nil {
		t.Fatal(err)
	}
	want := `NAME        TYPE    DEFAULT  MEANING
memory      size    512M     How much memory the guest has at its
                             start, in a sentence that is long enough
                             to be wrapped once or twice.
enable_kvm  choice  auto     Whether the host's processor runs the
                             guest. One of yes, no, auto.
pool        string  é        Überall: ein Wort.
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	for _, width := range []int{0, 10, 50} {
		b.Reset()
		if err := table.List(&b, width); err != nil || strings.Count(b.String(), "\n") != 4 {
			t.Errorf("width %d: %v\n%s", width, err, b.String())
		}
	}
}

type brokenWriter struct{}

var errBroken = errors.New("broken")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestWriteErrors(t *testing.T) {
	if err := testTable.Sample(brokenWriter{}, ""); !errors.Is(err, errBroken) {
		t.Errorf("Sample: %v", err)
	}
	if err := testTable.List(brokenWriter{}, 80); !errors.Is(err, errBroken) {
		t.Errorf("List: %v", err)
	}
}
