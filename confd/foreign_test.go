package confd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"mvdan.cc/sh/v3/syntax"
)

func foreignFile(t *testing.T, text, own string) *Foreign {
	t.Helper()
	f, err := ParseForeign("net", []byte(text), "net.br0", []byte(own))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestARealFileOfNetifrcIsReadAsFarAsItCanBe(t *testing.T) {
	src, err := os.ReadFile("testdata/net")
	if err != nil {
		t.Fatal(err)
	}
	f := foreignFile(t, string(src), "")
	for name, want := range map[string]string{
		"bridge_br0": "eth0", "bridge_kvmbr0": "", "config_kvmbr0": "172.16.11.1/24 brd 172.16.11.255", "bridge_brlan": "lan10 tap0",
		"routes_br0":   "default via 192.0.2.1\ndefault via fe80::1",
		"config_eth1":  "10.0.0.2 netmask 255.255.255.0 broadcast 10.0.0.255\n10.0.1.2/24",
		"routes_eth1":  "10.1.0.0/16 via 10.0.0.1\n10.2.0.0/16 via 10.0.0.1",
		"brctl_kvmbr0": "setfd 0\nsethello 10\nstp off", "config_last": "null",
	} {
		v, ok := f.Get(name)
		if _, unread := f.Unread(name); !ok || unread || v.Text != want {
			t.Errorf("%s is %q, set %v, unread %v; want %q", name, v.Text, ok, unread, want)
		}
	}
	for name, line := range map[string]int{
		"config_eth2": 36, "config_eth3": 38, "routes_brlan": 46, "config_wlan0": 49, "modules_wlan0": 49, "config_eth4": 49,
		"txqueuelen_eth0": 56, "bridge_brx": 67, "home_brx": 68, "config_br9": 86,
	} {
		if why, ok := f.Unread(name); !ok || why.Pos.Line != line {
			t.Errorf("%s is %v, %v; want it unread because of line %d", name, why, ok, line)
		}
	}
	var names []string
	for _, fn := range f.Functions {
		names = append(names, fmt.Sprintf("%s:%d", fn.Name, fn.Pos.Line))
	}
	if diff := cmp.Diff([]string{"preup:70", "postup:80"}, names); diff != "" {
		t.Error(diff)
	}
	var anything []int
	for _, s := range f.Skipped {
		if s.Anything {
			anything = append(anything, s.Why.Pos.Line)
		}
	}
	if diff := cmp.Diff([]int{61, 65, 86}, anything); diff != "" {
		t.Error(diff)
	}
}

func TestWhatDependsOnAnUnreadableValueIsUnread(t *testing.T) {
	for text, unread := range map[string]string{
		"a=$(id)\nb=$a\n":               "a b",
		"a=$(id)\na=1\nb=$a\n":          "",
		"a=1\nif x; then a=2; fi\nb=$a": "a b",
		"a=(1 2)\nb=$a\n":               "b",
		"a=(1 2)\na=1\nb=$a\n":          "",
		"a=$(id)\n: ${a:=1}\n":          "a",
		"export a=$b\nb=$a\n":           "a b",
		"read a b\n":                    "a b",
		"f() { a=1; b=2; }\nf\n":        "a b",
		"f() { a=1; b=2; }\n":           "",
		"a[0]=1\nb+=1\n":                "a b",
		"a[$i]=1\nb+=' x'\n":            "a b",
		"printf -v a x\nread -r b\n":    "a b",
		"declare a=1\nlocal b\n":        "a b",
		"((a=1)); let b=2\n":            "a b",
		"a=$HOME\nb=${a}\n":             "a b",
		"a=1 b=2 id\n":                  "a b",
		"for a in 1; do b=$a; done\n":   "a b",
		"a=(x*)\nb=($c)\n":              "a b",
	} {
		f := foreignFile(t, text, "")
		var got []string
		for _, name := range []string{"a", "b"} {
			if _, ok := f.Unread(name); ok {
				got = append(got, name)
			}
		}
		if strings.Join(got, " ") != unread {
			t.Errorf("%q: unread %q, want %q", text, got, unread)
		}
	}
}

func TestOursIsReadStrictlyAfterTheForeignFile(t *testing.T) {
	f := foreignFile(t, "gw=192.0.2.1\nif x; then a=1; fi\n", "routes=\"default via $gw\"\na=2\n")
	if v, _ := f.Get("routes"); v.Text != "default via 192.0.2.1" || v.Pos.File != "net.br0" {
		t.Errorf("routes is %+v", v)
	}
	if _, ok := f.Unread("a"); ok {
		t.Error("a is unread, though ours sets it last")
	}
	for own, at := range map[string]string{"a=(1)\n": "net.br0:1", "if x; then a=1; fi\n": "net.br0:1:1", "b=1\nroutes=$a\n": "net.br0:2:1"} {
		_, err := ParseForeign("net", []byte("if x; then a=1; fi\n"), "net.br0", []byte(own))
		if err == nil || !strings.HasPrefix(err.Error(), at) {
			t.Errorf("%q: %v, want an error at %s", own, err, at)
		}
	}
}

func TestForeignFilesMayBeAbsentButNotBroken(t *testing.T) {
	dir := t.TempDir()
	net, own := filepath.Join(dir, "net"), filepath.Join(dir, "net.br0")
	f, err := LoadForeign(net, own)
	if err != nil || len(f.Files) != 0 {
		t.Errorf("two absent files: %v, %v", f, err)
	}
	write := func(text string, mode fs.FileMode) {
		if err := errors.Join(os.WriteFile(net, []byte(text), 0o600), os.Chmod(net, mode)); err != nil {
			t.Fatal(err)
		}
	}
	write("a=1\n", 0o644)
	if f, err := LoadForeign(net, own); err != nil || !slices.Equal(f.Files, []string{net}) {
		t.Errorf("one file: %v, %v", f, err)
	}
	write("a=1\n", 0o666)
	if _, err := LoadForeign(net, own); err == nil || !strings.Contains(err.Error(), "lets others") {
		t.Errorf("a file that all may write: %v", err)
	}
	for _, text := range []string{"a=(\n", "a='\n", "a=\x00\n", "f() {\n"} {
		write(text, 0o644)
		if _, err := LoadForeign(net, own); err == nil || !strings.HasPrefix(err.Error(), net+":1:") {
			t.Errorf("%q: %v", text, err)
		}
	}
	write(strings.Repeat("x\n", maxSkipped+1), 0o644)
	if _, err := LoadForeign(net, own); err == nil {
		t.Error("a file of commands is read")
	}
}

// TestAHostileFileCostsLittle: a file of the largest size, and of a form that
// makes some step look at all of it again and again.
func TestAHostileFileCostsLittle(t *testing.T) {
	const most = 200 * time.Millisecond
	var sets strings.Builder
	for i := range 4500 {
		fmt.Fprintf(&sets, "v%x=;", i)
	}
	define := "f() {\n" + sets.String() + "\n}\n"
	for what, text := range map[string]string{
		"calls in one statement":   define + "if x; then\n" + strings.Repeat("f\n", 14000) + "fi\n",
		"calls in functions":       define + "g() {\n" + strings.Repeat("f\n", 14000) + "}\ng\n",
		"calls":                    define + strings.Repeat("f\n", maxSkipped),
		"assignments in one line":  strings.Repeat("a=;", maxFile/3),
		"references in one line":   "a=" + strings.Repeat("$b", maxFile/2-1),
		"functions in one line":    strings.Repeat("f(){ :;};", maxFile/9),
		"functions in one another": strings.Repeat("f(){ ", 9000) + "x;" + strings.Repeat("};", 9000),
		"parentheses":              strings.Repeat("(", maxFile),
		"parentheses that close":   "((" + strings.Repeat("(", 30000) + "1" + strings.Repeat(")", 30000) + "))",
	} {
		var took time.Duration
		for range 5 { // others may be busy
			began := time.Now()
			_, _ = ParseForeign("net", []byte(text), "net.br0", nil) // whether it is read does not matter here
			if took = time.Since(began); took < most {
				break
			}
		}
		if took >= most {
			t.Errorf("%s: %d bytes take %v", what, len(text), took)
		}
	}
}

// TestCallsAreFollowed: of a function that is called anywhere within a
// statement, and of those that it calls.
func TestCallsAreFollowed(t *testing.T) {
	f := foreignFile(t, "inner() { a=1; }\nf() { inner; b=2; }\nc=3\nif f; then f; f; fi\n", "")
	if diff := cmp.Diff([]string{"a", "b"}, f.Skipped[0].Sets); diff != "" || len(f.Skipped) != 1 {
		t.Errorf("%d: %s", len(f.Skipped), diff)
	}
}

func TestWhatMaySetTooMuchIsRefused(t *testing.T) {
	var sets strings.Builder
	for i := range maxSets / 8 {
		fmt.Fprintf(&sets, "v%x=;", i)
	}
	define := "f() {\n" + sets.String() + "\n}\n"
	if _, err := ParseForeign("net", []byte(define+strings.Repeat("f\n", 8)), "net.br0", nil); err != nil {
		t.Error(err)
	}
	_, err := ParseForeign("net", []byte(define+strings.Repeat("f\n", 9)), "net.br0", nil)
	if err == nil || !strings.HasPrefix(err.Error(), "net:12:1: ") || !strings.Contains(err.Error(), "more than 16384 variables") {
		t.Error(err)
	}
}

func TestPlacesOfLongLinesAreRight(t *testing.T) {
	s := &source{name: "net", text: []byte("\na\n\nbc" + strings.Repeat("x", 3) + "\n\n")}
	for i := range len(s.text) + 1 {
		if got, want := s.place(i), place("net", s.text, i); got != want {
			t.Errorf("%d: %v, want %v", i, got, want)
		}
	}
}

// FuzzForeign: what Load reads, LoadForeign reads the same, by either grammar;
// and whatever it does not read has a place.
func FuzzForeign(f *testing.F) {
	for _, seed := range []string{"", "a=1\n", "a=( 'x' \"y\" z )\n", "a=(1)\nb=$a\n", "f() { a=1; }\nf\n", "function f { :; }\n", "a+=1\n", "a[1]=2\n",
		"if x; then a=1; fi\n", ". x\n", "eval a=1\n", "a=$(id)\n: ${a:=1}\n", "declare -a a=(1)\n", "# \\\na=1\n", "f() {\n# \\\n}\n", "((a=1))\n", "[[ a =~ b ]]\n",
		"a=\\\n(1)\n", "export a=1 b\n", "a=<(id)\n", "cat <<E\nE\n", "a=$'x'\n", "for ((a=0;;)); do :; done\n", "a=([k]=v)\n", "b=~ a={x,y}\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		strict, strictErr := Parse("f", src, nil)
		got, err := ParseForeign("f", src, "own", nil)
		if err != nil {
			checkErrors(t, src, err)
			if strictErr == nil {
				t.Fatalf("ours, and not a foreign file: %v", err)
			}
			return
		}
		for _, s := range got.Skipped {
			checkErrors(t, src, s.Why)
		}
		if strictErr != nil {
			return
		}
		if diff := cmp.Diff(strict.Values, got.Values); diff != "" || len(got.Skipped) > 0 {
			t.Fatalf("%s %v", diff, got.Skipped)
		}
		r := newReader(nil)
		r.parser = syntax.NewParser(syntax.Variant(syntax.LangBash), syntax.KeepComments(true))
		if err := r.read("f", src); err == nil {
			if diff := cmp.Diff(strict.Values, r.config().Values); diff != "" {
				t.Errorf("bash's grammar: %s", diff)
			}
		}
	})
}
