package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/guestrc/guestrc/guest"
)

// runHere runs a command line in this process, below an empty root.
func runHere(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	root := t.TempDir()
	var out, complaints bytes.Buffer
	e := newEnv("guestrc", strings.NewReader(""), &out, &complaints, func(name string) string {
		if name == "GUESTRC_ROOT" {
			return root
		}
		return ""
	})
	err := e.run(t.Context(), args)
	e.out.fail(err)
	return out.String(), complaints.String(), guest.ExitStatus(err)
}

func TestEveryVerbExplainsItself(t *testing.T) {
	all, _, _ := runHere(t)
	for _, v := range verbs() {
		if !strings.Contains(all, "\n  "+v.name+" ") {
			t.Errorf("help does not list %s", v.name)
		}
		text, complaints, status := runHere(t, "help", v.name)
		if status != 0 || complaints != "" || !strings.HasPrefix(text, strings.TrimSpace("usage: guestrc "+v.name+" "+v.args)+"\n") {
			t.Errorf("help %s: exit status %d\n%s%s", v.name, status, text, complaints)
		}
		for _, f := range append(v.flags, rootFlag) {
			if !strings.Contains(text, "\n  "+f.synopsis()) || !strings.Contains(text, f.help) {
				t.Errorf("help %s does not explain --%s:\n%s", v.name, f.name, text)
			}
		}
		for line := range strings.Lines(text) {
			if len(line) > 80 {
				t.Errorf("help %s: wider than a console: %s", v.name, line)
			}
		}
		for _, flag := range []string{"--help", "-h"} {
			if again, _, status := runHere(t, v.name, flag); again != text || status != 0 {
				t.Errorf("%s %s: exit status %d, and not what help %s says:\n%s", v.name, flag, status, v.name, again)
			}
		}
	}
}

func TestEveryVerbCountsItsOperands(t *testing.T) {
	for _, v := range verbs() {
		if v.min > 0 {
			if out, complaints, status := runHere(t, v.name); status != guest.StatusUsage || out != "" || !strings.Contains(complaints, "it takes "+v.args) {
				t.Errorf("%s without operands: exit status %d\n%s%s", v.name, status, out, complaints)
			}
		}
		if v.max >= 0 {
			args := append([]string{v.name}, make([]string, v.max+1)...)
			if out, complaints, status := runHere(t, args...); status != guest.StatusUsage || out != "" || !strings.Contains(complaints, "it takes ") {
				t.Errorf("%s with %d operands: exit status %d\n%s%s", v.name, v.max+1, status, out, complaints)
			}
		}
	}
}
