package need

import (
	"fmt"
	"strings"
	"testing"
)

// fakeT notes how the test ended; unlike a real one it goes on, so the first
// end counts.
type fakeT struct {
	T
	ended string
}

func (f *fakeT) Helper()                   {}
func (f *fakeT) Skipf(s string, a ...any)  { f.end("skip: " + fmt.Sprintf(s, a...)) }
func (f *fakeT) Fatalf(s string, a ...any) { f.end("fatal: " + fmt.Sprintf(s, a...)) }

func (f *fakeT) end(how string) {
	if f.ended == "" {
		f.ended = how
	}
}

func TestPrograms(t *testing.T) {
	for ci, want := range map[string]string{"": "skip: ", "false": "skip: ", "true": "fatal: "} {
		t.Setenv("CI", ci)
		f := &fakeT{}
		Programs(f, "sh", "no-such-program")
		if !strings.HasPrefix(f.ended, want+"not installed: no-such-program ") {
			t.Errorf("CI=%q: %q, want %q", ci, f.ended, want)
		}
		f = &fakeT{}
		Programs(f, "sh")
		if f.ended != "" {
			t.Errorf("CI=%q: %q although sh is there", ci, f.ended)
		}
	}
}
