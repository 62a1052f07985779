package pidfile

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func FuzzReadPid(f *testing.F) {
	for _, s := range []string{"", "2\n", "2", "0", "-7", "05", "4194304", "4194305\n", "99999999999", "1\n2\n", "1 ", "\x00", "1\r\n"} {
		f.Add([]byte(s))
	}
	form := regexp.MustCompile(`\A[1-9][0-9]{0,9}\n?\z`)
	f.Fuzz(func(t *testing.T, content []byte) {
		pid, err := parsePid(content)
		n, _ := strconv.Atoi(strings.TrimSuffix(string(content), "\n"))
		if good := form.Match(content) && n <= maxPid; good != (err == nil) || (good && pid != n) {
			t.Errorf("%q: %d, %v", content, pid, err)
		}
	})
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("sleep"), uint16(3))
	f.Add([]byte(") Z 1 ("), uint16(0))
	f.Add([]byte("a\nb)"), uint16(60))
	f.Add([]byte{}, uint16(1))
	tail := []byte(" S 7 10 10 0 -1 4194560 1 0 0 0 3 4 5 6 20 0 1 0 163760 1 9 18446744073709551615 0 0 0 0 0 0 0 0 0 1 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 15\n")
	f.Fuzz(func(t *testing.T, comm []byte, cut uint16) {
		line := slices.Concat([]byte("12 ("), comm, []byte(")"), tail)
		got, err := parseStat(line)
		if want := (stat{pid: 12, state: 'S', ppid: 7, flags: 4194560, cpu: 7, waits: 11, start: 163760, pages: 9, exit: 15}); err != nil || got != want {
			t.Errorf("%q: %+v, %v", comm, got, err)
		}
		parseStat(line[:min(int(cut), len(line))]) // must not panic
		parseStat(comm)
	})
}

func FuzzHasArgs(f *testing.F) {
	f.Add("q\x00-pidfile\x00/p\x00", "-pidfile\x00/p")
	f.Add("", "")
	f.Add("\x00\x00", "\x00")
	f.Add("a\x00b", "b")
	f.Fuzz(func(t *testing.T, line, joined string) {
		want := strings.Split(joined, "\x00")
		// Items are whole exactly when they stand between NULs.
		framed := "\x00" + strings.TrimSuffix(line, "\x00") + "\x00"
		if got := hasArgs([]byte(line), want); got != strings.Contains(framed, "\x00"+joined+"\x00") {
			t.Errorf("%q in %q: %v", want, line, got)
		}
	})
}

func FuzzHandle(f *testing.F) {
	f.Add("000000fe4f2a000000000000")
	f.Add("000000FE4F")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := parseHandle(text)
		if err != nil {
			return
		}
		if back := formatHandle(h); back != strings.ToLower(text) {
			t.Errorf("%q became %q", text, back)
		}
	})
}
