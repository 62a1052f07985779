package shutdown

import (
	"errors"
	"math"
	"testing"
	"time"
)

var verbs = []string{"agent", "acpi", "quit"}

func TestParseWritesBackCanonically(t *testing.T) {
	for text, want := range map[string]string{
		"agent/10/acpi/60/quit/10/KILL/5": "",
		"acpi/60/forever":                 "",
		"forever":                         "",
		"SIGTERM/5/SIGKILL/1":             "TERM/5/KILL/1",
		"RTMIN+3/20":                      "",
		"SIGRTMIN+4/1":                    "RTMIN+4/1",
		"acpi/007":                        "acpi/7",
	} {
		if want == "" {
			want = text
		}
		s, err := Parse(text, verbs...)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := s.String(); got != want {
			t.Errorf("%s: written back as %s, want %s", text, got, want)
		}
	}
}

func TestParseRefusesWithColumn(t *testing.T) {
	for text, col := range map[string]int{
		"":                 1,
		"   ":              1,
		"acpi":             1,
		"acpi/":            6,
		"acpi/x":           6,
		"acpi/0":           6,
		"acpi/-1":          6,
		"acpi/1e3":         6,
		"acpi/604801":      6,
		"acpi/60/":         9,
		"acpi/60/nope/5":   9,
		"acpi/60/kill/5":   9, // signals are upper case, as everywhere
		"acpi/60/9/5":      9, // a number is no signal name
		"forever/acpi/60":  9,
		"forever/forever":  9,
		"acpi/60//5":       9,
		"RTMIN+31/5":       1,
		"RTMIN+-1/5":       1,
		"acpi/60/RTMIN+/5": 9,
	} {
		_, err := Parse(text, verbs...)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q: got %v, want a SyntaxError", text, err)
			continue
		}
		if syntax.Col != col {
			t.Errorf("%q: %v; want column %d", text, err, col)
		}
	}
}

func TestTotal(t *testing.T) {
	s, err := Parse("agent/10/acpi/60/quit/10/KILL/5", verbs...)
	if err != nil || s.Total() != 85*time.Second {
		t.Errorf("total %v, %v; want 85s", s.Total(), err)
	}
	s, err = Parse("acpi/60/forever", verbs...)
	if err != nil || s.Total() != math.MaxInt64 {
		t.Errorf("total %v, %v; want no end", s.Total(), err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"agent/10/acpi/60/quit/10/KILL/5", "forever", "RTMIN+3/1", "acpi//", "/", "SIGSIGTERM/1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text, verbs...)
		if err != nil {
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Col < 1 || syntax.Col > len(text)+2 {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		again, err := Parse(s.String(), verbs...)
		if err != nil || again.String() != s.String() {
			t.Fatalf("%q → %q → %q, %v", text, s, again, err)
		}
	})
}
