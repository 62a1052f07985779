package lint_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/guestrc/guestrc/lint"
)

func TestConfFiles(t *testing.T) {
	for _, s := range []situation{
		{"a command", "mkdir /run/web", "GL701"},
		{"a command's output", "web_host=$(hostname)", "GL701"},
		{"in a condition", "if grep -q x /y; then web_x=1; fi", "GL701"},
		{"blanks", "web_port = 80", "GL702"},
		{"a blank before", "web_port =80", "GL702"},
		{"a blank after", `web_opts= "--fast"`, "GL702"},
		{"a number after a blank", "web_port= 80", "GL702"},
		{"no quotes", "web_opts=--fast --log", "GL702"},
		{"no quotes, and words", "web_names=one two", "GL702"},
		{"twice", "a=1\nb=2\na=3", "GL703"},

		{"nothing", "# web_port=80\n", ""},
		{"assignments", "a=1 b=2\nc=\"$a $b\"\nd=$((1 + 2))\nexport e=5", ""},
		{"what the shell does itself", ": ${a:=1}\n[ -n \"$a\" ] && b=1\nunset c\nulimit -n 100", ""},
		{"functions", "preup() {\n ip link set up dev eth0\n}", ""},
		{"one more", "a=1\na=\"$a 2\"", ""},
		{"used between", "a=1\nb=$a\na=2", ""},
		{"one or the other", "a=1\n[ -e /x ] && a=2", ""},
		{"in two functions", "f() {\na=1\n}\ng() {\na=2\n}", ""},
		{"empty", "a=\nb=\"\"", ""},
		{"a template", "@COMMENT@\na=1", ""},
	} {
		t.Run(s.name, func(t *testing.T) {
			var got []string
			for _, f := range lint.New(world()).Lint("/etc/conf.d/web", []byte(s.src)) {
				got = append(got, f.ID)
			}
			slices.Sort(got)
			if text := strings.Join(got, " "); text != s.want {
				t.Errorf("found %q, want %q, in\n%s", text, s.want, s.src)
			}
		})
	}
	holds(t, "GL702", []situation{
		{"in a script", "command = /usr/bin/web", "GL702"},
		{"options in a script", "command_args=--fast --log", "GL702"},
		{"a command with a variable", "LC_ALL=C web\nA= web", ""},
		{"in a function", in("start", "A=1 web"), ""},
	})
}
