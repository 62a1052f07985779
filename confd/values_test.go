package confd

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func parse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("f", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestValues(t *testing.T) {
	at := func(line, col int) Pos { return Pos{"f", line, col} }
	tests := []struct {
		text string
		want []Value
	}{
		{"A=1\nB=2\nA=3", []Value{{Name: "B", Text: "2", Pos: at(2, 1)}, {Name: "A", Text: "3", Pos: at(3, 1)}}},
		{"A=1 B=$A", []Value{{Name: "A", Text: "1", Pos: at(1, 1), Used: true}, {Name: "B", Text: "1", Pos: at(1, 5)}}},
		{"A=1; : ${A:=2}", []Value{{Name: "A", Text: "1", Pos: at(1, 1)}}},
		{"A=$A", []Value{{Name: "A", Pos: at(1, 1)}}},
		{"A=1\nB=x${C:+$A}", []Value{{Name: "A", Text: "1", Pos: at(1, 1), Used: true}, {Name: "B", Text: "x", Pos: at(2, 1)}}},
		{"B=$A\nA=1", []Value{{Name: "B", Pos: at(1, 1)}, {Name: "A", Text: "1", Pos: at(2, 1), Used: true}}},
		{"export A=1 B", []Value{{Name: "A", Text: "1", Pos: at(1, 8), Exported: true}}},
		{"export A\nA=1", []Value{{Name: "A", Text: "1", Pos: at(2, 1), Exported: true}}},
		{"A=1; export A=2 B=\"$A\"", []Value{{Name: "A", Text: "2", Pos: at(1, 13), Used: true, Exported: true}, {Name: "B", Text: "1", Pos: at(1, 17), Exported: true}}},
		{"\n\t: \"${A:=x}\"", []Value{{Name: "A", Text: "x", Pos: at(2, 7)}}},
		{"A=\\\n1 \\\n  B=2", []Value{{Name: "A", Text: "1", Pos: at(1, 1)}, {Name: "B", Text: "2", Pos: at(3, 3)}}},
		{"# only\n", nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(append([]Value{}, tt.want...), parse(t, tt.text).Values); diff != "" {
			t.Errorf("%q: %s", tt.text, diff)
		}
	}
}

func TestGetAndFilled(t *testing.T) {
	c := parse(t, "A=\nB=1\n")
	if v, ok := c.Get("A"); !ok || v.Text != "" {
		t.Errorf("Get(A) = %v, %v", v, ok)
	}
	if v, ok := c.Get("C"); ok {
		t.Errorf("Get(C) = %v", v)
	}
	if v, ok := c.Filled("A"); ok {
		t.Errorf("Filled(A) = %v", v)
	}
	if v, ok := c.Filled("B"); !ok || v.Text != "1" {
		t.Errorf("Filled(B) = %v, %v", v, ok)
	}
}

// TestNoLeak: the process's own environment is not there.
func TestNoLeak(t *testing.T) {
	t.Setenv("guestrc_leak", "x")
	if v, _ := parse(t, "A=${guestrc_leak-unset}").Get("A"); v.Text != "unset" {
		t.Errorf("the environment leaks in: %q", v.Text)
	}
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if _, ok := parse(t, "").Get(name); ok {
			t.Errorf("%s is set", name)
		}
	}
}

func TestPresetIsReadAndOverridden(t *testing.T) {
	c, err := Parse("f", []byte("A=${SVCNAME%.*}\nVM_NAME=x$VM_NAME\n"), map[string]string{"SVCNAME": "qemu.db", "VM_NAME": "db"})
	if err != nil {
		t.Fatal(err)
	}
	want := []Value{
		{Name: "SVCNAME", Text: "qemu.db", Used: true},
		{Name: "A", Text: "qemu", Pos: Pos{"f", 1, 1}},
		{Name: "VM_NAME", Text: "xdb", Pos: Pos{"f", 2, 1}},
	}
	if diff := cmp.Diff(want, c.Values); diff != "" {
		t.Error(diff)
	}
}

func TestBounds(t *testing.T) {
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "A%d=1\n", i)
		}
		return b.String()
	}
	bomb := "a=0123456789\n" + strings.Repeat("a=$a$a$a$a$a$a$a$a$a$a\n", 100)
	flat := "a=" + strings.Repeat("x", maxValue) + "\nb=" + strings.Repeat("$a", 20_000)
	tests := []struct {
		name, text, why string
	}{
		{"value", "A=" + strings.Repeat("x", maxValue), ""},
		{"value", "A='" + strings.Repeat("x", maxValue+1) + "'", "more than 8192 bytes"},
		{"default", "A=${B:-" + strings.Repeat("x", maxValue+1) + "}", "more than 8192 bytes"},
		{"alternative", "A=1\nB=" + strings.Repeat("y", maxValue) + "${A:+" + strings.Repeat("x", 10) + "}", "more than 8192 bytes"},
		{"export", "A=" + strings.Repeat("x", maxValue) + "\nexport B=\"$A$A\"", "more than 8192 bytes"},
		{"variables", many(maxVars), ""},
		{"variables", many(maxVars + 1), "more than 512 variables"},
		{"exponential", bomb, "more than 8192 bytes"},
		{"wide", flat, "more than 8192 bytes"},
		{"total", "a=" + strings.Repeat("x", maxValue) + "\n" + strings.Repeat("b=$a\n", 200), "1048576 bytes in all"},
		{"export total", "a=" + strings.Repeat("x", maxValue) + "\n" + strings.Repeat("export b=\"$a\"\n", 200), "1048576 bytes in all"},
		{"file", strings.Repeat("\n", maxFile), ""},
		{"file", strings.Repeat("\n", maxFile+1), "more than 65536 bytes"},
		{"nesting", strings.Repeat("$(", maxFile/2), "without matching"},
	}
	for _, tt := range tests {
		_, err := Parse("f", []byte(tt.text), nil)
		if tt.why == "" && err != nil || tt.why != "" && (err == nil || !strings.Contains(err.Error(), tt.why)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.why)
		}
	}
}

func TestAllRefusalsAreReported(t *testing.T) {
	_, err := Parse("f", []byte(strings.Repeat("A=1\nfalse\n", 50)), nil)
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != maxRefusals {
		t.Fatalf("got %v", err)
	}
	var e *Error
	if !errors.As(joined.Unwrap()[1], &e) || e.Pos.Line != 4 {
		t.Errorf("the second is %v", joined.Unwrap()[1])
	}
}

// TestNoSecretsInErrors: what was meant to be a value stays out of messages.
func TestNoSecretsInErrors(t *testing.T) {
	const secret = "hunter2"
	for _, text := range []string{
		"p=a " + secret, "p=a;" + secret, "p= " + secret, "p = " + secret, "p=a|" + secret, "p=a&" + secret, "p=a<<" + secret, "p=<<'" + secret,
		"p=a$(" + secret + ")", "p=${a:?" + secret + "}", "p=${a#$" + secret + "}", "p='" + secret, "p=\"" + secret, "p=`" + secret, "p=~" + secret,
		"p=a(" + secret + ")", "p=a)" + secret, "export p=" + secret + "*", ": " + secret, "p=" + secret + "\\", "p=" + secret + "\r", "p=$'" + secret + "'",
		secret, "p=x\n" + secret + " )", "p=${a:-'" + secret + "'", "p=\"${a:-'" + secret + "'}\"", "p=\"${a b" + secret + "}\"",
		"p=" + strings.Repeat(secret, 2000),
	} {
		_, err := Parse("f", []byte(text), nil)
		if err == nil {
			t.Errorf("%.40q is accepted", text)
			continue
		}
		var e *Error
		if !errors.As(err, &e) || strings.Contains(err.Error()+e.Hint, secret) {
			t.Errorf("%.40q: %v (%s)", text, err, e.Hint)
		}
	}
}
