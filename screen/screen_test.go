package screen

import (
	"bytes"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestScreen(t *testing.T) {
	for name, c := range map[string]struct {
		pattern, text string
		want          bool
	}{
		"a line":              {`^up$`, "boot\r\nup\r\n", true},
		"a prompt":            {`login: $`, "\r\nDebian GNU/Linux 12 db ttyS0\r\n\r\ndb login: ", true},
		"not over a line end": {`one.*two`, "one\ntwo\n", false},
		"colours":             {`\[  OK  \] Reached target`, "[\x1b[0;32m  OK  \x1b[0m] Reached target Multi-User System.\r\n", true},
		"cleared screen":      {`^login:`, "\x1b[2J\x1b[1;1Hlogin:", true},
		"a title":             {`^login:$`, "\x1b]0;db\x07log\x1bP+q544e\x1b\\in:\r\n", true},
		"a character set":     {`^login:$`, "\x1b(B\x1b7login:\r\n", true},
		"a cut off sequence":  {`^login:$`, "\x1b[3\r\n\x1b]0;db\r\nlogin:", true},
		"progress bar":        {`^100%$`, "10%\r55%\r100%\r\n", true},
		"NULs":                {`^ready$`, "\x00re\x00ady\n", true},
		"a beginning":         {`^up$`, "upgrading\r\n", false},
		"behind a long line":  {`login:`, strings.Repeat("x", 3*lineRoom) + "login:", true},
		"in a long line":      {`middle`, strings.Repeat("x", lineRoom/2) + "middle" + strings.Repeat("x", lineRoom/2) + "\n", true},
		"far before":          {`early`, "early" + strings.Repeat("x", 3*lineRoom), true}, // seen when it came
		"never":               {`login:`, "logi\nn:", false},
		"nothing":             {`login:`, "", false},
		"bytes that are none": {`\bup\b`, "\xff\xfe up \xc3\n", true},
	} {
		for _, size := range []int{1, 2, 7, 4096} { // bytes in a piece
			s := New(regexp.MustCompile(c.pattern))
			got := false
			for piece := range slices.Chunk([]byte(c.text), size) {
				got = got || s.Shows(piece)
			}
			if got = got || s.Waits(); got != c.want {
				t.Errorf("%s in pieces of %d: %v", name, size, got)
			}
			if cap(s.line) > 8*lineRoom {
				t.Errorf("%s in pieces of %d: %d bytes are kept", name, size, cap(s.line))
			}
		}
	}
}

// Text must be found wherever it is cut, and nothing else.
func FuzzScreen(f *testing.F) {
	f.Add([]byte("boot\r\n\x1b[0;32mup\x1b[0m\r\n"), uint64(1))
	f.Add([]byte("up"), uint64(2))
	f.Add([]byte("u\x00p\x1b[up"), uint64(3))
	pattern := regexp.MustCompile(`up`)
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		cuts := rand.New(rand.NewPCG(seed, 0))
		s := New(pattern)
		got := false
		for rest := text; len(rest) > 0 && !got; {
			n := 1 + cuts.IntN(len(rest))
			got = s.Shows(rest[:n]) || s.Waits()
			rest = rest[n:]
			if len(s.line) > lineRoom {
				t.Fatalf("%d bytes are kept", len(s.line))
			}
		}
		if !bytes.ContainsAny(text, "\x00\x1b") && got != bytes.Contains(text, []byte("up")) {
			t.Errorf("found %v in %q", got, text)
		}
	})
}
