package confd

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// refusedAt fails unless err is one or more errors with a full position.
func refusedAt(t *testing.T, text any, err error) {
	t.Helper()
	list := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined.Unwrap()
	}
	for _, err := range list {
		var e *Error
		if !errors.As(err, &e) || e.Pos.File == "" || e.Pos.Line < 1 || e.Pos.Col < 1 || e.Msg == "" {
			t.Errorf("%q is refused without a position: %v", text, err)
		}
	}
}

// TestSameAsShells generates 10,000 files, every fourth with random damage.
// What we accept has exactly the
// values that dash, busybox ash and bash give it; what we refuse, we refuse
// with a position; and a file of allowed constructs only is never refused.
func TestSameAsShells(t *testing.T) {
	canary := filepath.Join(t.TempDir(), "canary")
	g := generator{Rand: rand.New(rand.NewPCG(2, 11)), canary: canary}
	const total = 10_000
	var cases []shellCase
	var configs []*Config
	for i := range total {
		c, allowed := g.file()
		if i%4 == 3 {
			allowed = false
			for j := range c.files {
				c.files[j] = g.damage(c.files[j])
			}
		}
		config, err := c.load()
		if err != nil {
			refusedAt(t, c.files, err)
			if allowed {
				t.Errorf("%q is refused: %v", c.files, err)
			}
			continue
		}
		cases, configs = append(cases, c), append(configs, config)
	}
	noCanary(t, canary)
	t.Logf("accepted %d of %d", len(cases), total)
	if len(cases) < total/2 {
		t.Errorf("accepted only %d of %d files", len(cases), total)
	}
	compare(t, cases, configs)
	// Not even a shell finds anything to run in what we accept.
	t.Cleanup(func() { noCanary(t, canary) })
}

func noCanary(t *testing.T, canary string) {
	t.Helper()
	if _, err := os.Lstat(canary); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was run: %v", err)
	}
}

// generator makes conf.d files of good and bad constructs.
type generator struct {
	*rand.Rand
	canary string
}

// damage puts tokens of the shell's language into a text, or takes bytes out.
func (g generator) damage(text string) string {
	for range 1 + g.IntN(3) {
		i := g.IntN(len(text) + 1)
		j := min(len(text), i+g.IntN(3))
		token := g.pick("", "", "'", `"`, "\\", "$", "${", "}", "{", "\n", " ", "\t", "\\\n", "#", "=", ":", ":-", "A", "B=", "export ", ": ", ";", "-", "+", "%", "~", "*", "\\\\", "é", "!", "[", "0", "a", "(", ")", "<", ">", "&", "|", "`", "?", "/", ",")
		text = text[:i] + token + text[j:]
	}
	return text
}

func (g generator) pick(list ...string) string { return list[g.IntN(len(list))] }

func (g generator) name() string {
	return g.pick("A", "B", "C", "x1", "disk0_file", "memory", "_u", "VM_NAME")
}

// readable also gives names that nothing sets.
func (g generator) readable() string {
	return g.pick("A", "B", "C", "x1", "memory", "unset_one", "RC_SVCNAME", "VM_NAME")
}

// file gives one or two files, and whether all that is in them is allowed.
func (g generator) file() (c shellCase, allowed bool) {
	allowed = true
	for range 1 + g.IntN(3)/2 {
		var b strings.Builder
		for range 1 + g.IntN(6) {
			if g.IntN(14) == 0 {
				b.WriteString(g.bad())
				allowed = false
			} else {
				b.WriteString(g.line())
			}
			b.WriteString(g.pick("\n", "\n", "\n", "\n\n", " \n", ";\n", "; ", " # a 'comment\n", "\t#\\\n", "\n#~`$(\n"))
		}
		c.files = append(c.files, b.String())
	}
	return c, allowed
}

// line is one allowed statement.
func (g generator) line() string {
	switch g.IntN(8) {
	case 0:
		return g.pick(": ", ":\t", ":  ") + g.defaulting() + g.pick("", " "+g.defaulting(), " \\\n"+g.defaulting())
	case 1:
		return "export " + g.name() + g.pick("", "="+g.quoted(), "="+g.plain()+g.quoted()+" "+g.name()+"="+g.quoted())
	case 2:
		return g.name() + "=" + g.value() + g.pick(" ", "\t", " \\\n") + g.name() + "=" + g.value()
	}
	return g.pick("", "", " ", "\t") + g.name() + "=" + g.value()
}

func (g generator) defaulting() string {
	op := g.pick("=", ":=")
	if g.IntN(2) == 0 {
		return `"${` + g.name() + op + g.quotedArg(2) + `}"`
	}
	return "${" + g.name() + op + g.bracedArg(2) + "}"
}

// value is an unquoted position: any mix of pieces without blanks between.
func (g generator) value() string {
	var b strings.Builder
	for range g.IntN(5) {
		switch g.IntN(5) {
		case 0:
			b.WriteString(g.plain())
		case 1:
			b.WriteString(g.single())
		case 2:
			b.WriteString(g.quoted())
		case 3:
			b.WriteString(g.ref(2))
		case 4:
			b.WriteString(g.pick(`\ `, `\$`, `\"`, `\'`, `\\`, "\\`", `\a`, `\~`, `\#`, `\;`, `\é`, ".\\\n", `\{`, `\*`, "\\\t"))
		}
	}
	return b.String()
}

func (g generator) plain() string {
	return g.pick("a", "0", "1G", "/dev/vda", "x=y", "a:b", "a,b", "%d", "@", "!", "#", "a#b", "=", "é", "Á", "日本", "\u00a0", "😀", "]", "}", "^", "+", "-", ".", "\u0085")
}

func (g generator) single() string {
	return "'" + g.pick("", "a b", `\`, `"`, "$A", "`id`", "\n", "\\\n", "$(touch "+g.canary+")", "~", "*", "á Á", "#", "{a,b}", ";", " ") + "'"
}

func (g generator) quoted() string { return g.quotedText(`\}`) }

// quotedText takes how a closing brace may be written: shells differ about
// "\}" inside braces.
func (g generator) quotedText(brace string) string {
	var b strings.Builder
	b.WriteByte('"')
	for range g.IntN(4) {
		switch g.IntN(4) {
		case 0:
			b.WriteString(g.pick("a b", "'", "it's", "~", "*", "{a,b}", "[x]", ";", "&", "|", "<x> ", "\n", "é", "Á", "#", "a=b", "!", "  ", "\t", "日"))
		case 1:
			b.WriteString(g.pick(`\$`, `\\`, `\"`, "\\`", `\a`, `\'`, `\é`, ".\\\n", `\ `, `\{`, brace, `\n`))
		case 2:
			b.WriteString(g.quotedRef(2))
		case 3:
			b.WriteString(g.pick("$ ", "$|", "$)", "$/", "x$\n", "/dev/", "."))
		}
	}
	b.WriteString(g.pick("", "", "", "$"))
	b.WriteByte('"')
	return b.String()
}

func (g generator) cut() string {
	return g.pick("#", "##", "%", "%%") + g.pick("*.", ".*", "qemu.", "a", "*", "", "a*b", "-*", "*-", "Z", "/dev/", "1", "a*", "*b", "web-1*.")
}

func (g generator) ref(depth int) string {
	n := g.readable()
	switch g.IntN(5) {
	case 0:
		return "$" + g.pick("A", "B", "VM_NAME", "unset_one")
	case 1:
		return "${" + n + g.cut() + "}"
	case 2:
		return "${" + n + "}"
	}
	return "${" + n + g.pick(":-", "-", ":+", "+") + g.bracedArg(depth) + "}"
}

func (g generator) quotedRef(depth int) string {
	n := g.readable()
	switch g.IntN(5) {
	case 0:
		return "$" + g.pick("A", "B", "VM_NAME", "unset_one") + g.pick("", ".", "/", "\\\n/", "é", "[", "-")
	case 1:
		return "${" + n + g.cut() + "}"
	case 2:
		return "${" + n + "}"
	}
	return "${" + n + g.pick(":-", "-", ":+", "+") + g.quotedArg(depth) + "}"
}

// bracedArg is what follows the operator outside quotes.
func (g generator) bracedArg(depth int) string {
	var b strings.Builder
	for range g.IntN(4) {
		switch g.IntN(6) {
		case 0:
			b.WriteString(g.pick("a", " ", "a b", "#", "\n", "é", "Á", ":", "*", "?", "[a]", "!", "=", "%", "/", ".\\\n"))
		case 1:
			b.WriteString(g.single())
		case 2:
			b.WriteString(g.quotedText(`}`))
		case 3:
			b.WriteString(g.pick(`\}`, `\{`, `\ `, `\"`, `\'`, `\\`, `\$`, `\a`, `\~`, `\é`))
		default:
			if depth > 0 {
				b.WriteString(g.ref(depth - 1))
			}
		}
	}
	return b.String()
}

// quotedArg is the same inside quotes, where no other quote may stand.
func (g generator) quotedArg(depth int) string {
	var b strings.Builder
	for range g.IntN(4) {
		switch g.IntN(5) {
		case 0:
			b.WriteString(g.pick("a", " ", "a b", "#", "\n", "é", "Á", ":", "*", "?", "[a]", "!", "=", "~", ";", "<a> ", "&", "|", "(", ")", ".\\\n"))
		case 1:
			b.WriteString(g.pick(`\}`, `\"`, `\\`, `\$`, `\a`, "\\`", `\é`, `\n`, `\ `))
		default:
			if depth > 0 {
				b.WriteString(g.quotedRef(depth - 1))
			}
		}
	}
	return b.String()
}

// bad is something that must not be understood, or is none of our business
// whether it is: both are fine as long as it is refused with a position or
// means what shells think it means. Every command in it makes the canary.
func (g generator) bad() string {
	touch := "touch " + g.canary
	return g.pick(
		"A=$("+touch+")", "A=`"+touch+"`", `A="$(`+touch+`)"`, touch, touch+" &", "A=1 "+touch, "if true; then A=1; fi",
		"case x in x) A=1;; esac", "for A in 1 2; do "+touch+"; done", "while false; do :; done", "f() { "+touch+"; }", "{ "+touch+"; }",
		"("+touch+")", ". /dev/null", "A=1 > "+g.canary, "> "+g.canary, "true && "+touch, "true | "+touch, "! true", "A=$((1+2))", "A=$[1+2]",
		"A=~", "A=a:~/b", "A=$HOME", "A=$1", "A=$?", "A=$$", "A=$#", "A=$@", "A=${#B}", "A=${B:1:2}", "A=${B/x/y}", "A=${B:?no}", "A=${!B}",
		"A=(1 2)", "A[0]=1", "A+=1", "A=$'a'", `A=$"a"`, "A={a,b}", `A="<(a)"`, `A="${B-<(a)}"`, `A=${B-">(a)"}`, "A=$", "A=a$,b", `A="$%"`, "A=${B:=1}", `A="${B:-'x'}"`, `A="${B:-"x"}"`,
		"A=<("+touch+")", "A=a b", "A = 1", "A= 1", "cat <<E\n$("+touch+")\nE", "IFS=x", "PATH=/nowhere", "LD_PRELOAD=x", "unset A",
		"readonly A=1", "export A=$B", "export A=~", "export -p", "export", ":", ": x", ": $("+touch+")", ": ${A:=$("+touch+")}", "eval A=1", "set -- a",
		"A=1;;", "A='", `A="`, "A=${B", "A=$(", "A=`", ")", "}", "fi", "A=1 &", "A\\\nB=1", "$A=1", `"A"=1`, "1A=1", "A-B=1", "é=1",
		"A=\x01", "A=\x7f", "A=1\r", "\ufeffA=1", "A=\x00", "A=\xff", "A=${B:-~}", "A=${B:-{a}}", `A="${B:-{}"`, "A=${B:-a<b}", "A=${B#[a]}", "A=${B%?}",
		"export {A,B}=1", "export A=*", "trap '"+touch+"' EXIT", "alias A=1", fmt.Sprintf("A=${B:-$(%s)}", touch), "A=\"${B:-`"+touch+"`}\"",
		"A=$\\\nB", "A=${\\\nB}", "A=${B:\\\n-x}", "exit 1", "return 1", "false", "A=@(a|b)", "coproc "+touch, "[[ a ]]", "function f { "+touch+"; }")
}
