package lxc

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestPrettyNames(t *testing.T) {
	for text, want := range map[string]string{
		"NAME=\"Debian GNU/Linux\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n": "Debian GNU/Linux 12 (bookworm)",
		"PRETTY_NAME='Alpine Linux v3.20'":           "Alpine Linux v3.20",
		"PRETTY_NAME=Gentoo\n":                       "Gentoo",
		"PRETTY_NAME=\"a \\\"b\\\" \\\\ \\$c\"":      "a \"b\" \\ $c",
		"PRETTY_NAME=\"":                             "\"",
		"PRETTY_NAME=\"\x1b[2Jx\u202ey\r\"":          "\uFFFD[2Jx\uFFFDy\uFFFD",
		"PRETTY_NAME=\"" + strings.Repeat("ü", 1000): "\"" + strings.Repeat("ü", releaseMax-1),
		"PRETTY_NAME=":                               "",
		"XPRETTY_NAME=x\n# PRETTY_NAME=y\n":          "",
		"":                                           "",
	} {
		if got := releaseValue(text, prettyName); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// Whatever is in the file, what is shown is short and can be printed.
func FuzzPrettyName(f *testing.F) {
	f.Add("PRETTY_NAME=\"Debian GNU/Linux 12\"\n")
	f.Add("PRETTY_NAME='\\")
	f.Add("PRETTY_NAME=\xff\x00\n")
	f.Fuzz(func(t *testing.T, text string) {
		name := releaseValue(text, prettyName)
		if utf8.RuneCountInString(name) > releaseMax || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q: %q", text, name)
		}
	})
}
