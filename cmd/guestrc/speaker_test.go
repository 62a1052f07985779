package main

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/guest"
)

func speak(do func(*speaker)) (stdout, stderr string) {
	var out, complaints bytes.Buffer
	do(newSpeaker(&out, &complaints, func(string) string { return "" }))
	return out.String(), complaints.String()
}

func TestErrorsAreSpokenOneByOne(t *testing.T) {
	hinted := func(msg, hint string, err error) error { return &guest.Error{Msg: msg, Hint: hint, Err: err} }
	cases := []struct {
		name string
		err  error
		want string
	}{
		{"nothing", nil, ""},
		{"one", errors.New("cannot do it"), " * cannot do it\n"},
		{"a hint", hinted("cannot do it", "try harder", nil),
			" * cannot do it\n     hint: try harder\n"},
		{"hints of what it wraps follow", hinted("cannot do it", "outer", hinted("no way", "inner", nil)),
			" * cannot do it: no way\n     hint: outer\n     hint: inner\n"},
		{"joined errors, each with its hint", errors.Join(hinted("a", "fix a", nil), hinted("b", "fix b", nil)),
			" * a\n     hint: fix a\n * b\n     hint: fix b\n"},
		{"joined errors below one", fmt.Errorf("cannot use it: %w", errors.Join(errors.New("a"), errors.New("b"))),
			" * cannot use it:\n    a\n    b\n"},
		{"a hint around joined errors", hinted("cannot do it", "outer", fmt.Errorf("no way: %w", errors.Join(hinted("a", "fix a", nil), errors.New("b")))),
			" * cannot do it: no way:\n    a\n     hint: fix a\n    b\n     hint: outer\n"},
		{"one error that is joined with nothing", hinted("cannot do it", "outer", errors.Join(hinted("a", "fix a", nil), nil)),
			" * cannot do it: a\n     hint: outer\n     hint: fix a\n"},
		{"two errors in one sentence", fmt.Errorf("%w, so %w", hinted("a", "fix a", nil), hinted("b", "fix b", errors.Join(hinted("c", "fix c", nil), hinted("d", "", nil)))),
			" * a, so b: c\nd\n     hint: fix a\n     hint: fix b\n     hint: fix c\n"},
		{"what was said already", silent(3), ""},
		{"control characters of a guest", errors.New("it said \x1b[31mred\r\x07"), " * it said \uFFFD[31mred\uFFFD\uFFFD\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			out, complaints := speak(func(s *speaker) { s.fail(c.err) })
			if out != "" {
				t.Errorf("on standard output: %s", out)
			}
			if diff := cmp.Diff(c.want, complaints); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWarningsGoToStandardError(t *testing.T) {
	out, complaints := speak(func(s *speaker) {
		s.info("going on")
		s.transient("for the terminal only")
		s.warn(&guest.Error{Msg: "odd", Hint: "look"})
	})
	if out != " * going on\n" || complaints != " * warning: odd\n     hint: look\n" {
		t.Errorf("standard output %q, standard error %q", out, complaints)
	}
}

func TestOnlyYesIsYes(t *testing.T) {
	for text, want := range map[string]bool{"yes": true, "YES": true, "on": true, "true": true, "1": true, "y": true,
		"": false, "no": false, "off": false, "0": false, "maybe": false} {
		if yes(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}
