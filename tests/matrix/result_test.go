package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

const said = `{"Action":"start"}
{"Action":"run","Test":"TestA"}
{"Action":"attr","Test":"TestA/sid-openrc","Key":"qemu","Value":"11.1.3"}
{"Action":"output","Test":"TestA/sid-openrc/lxc","Output":"=== RUN   TestA/sid-openrc/lxc\n"}
{"Action":"output","Test":"TestA/sid-openrc/lxc","Output":"    a_test.go:1: it is so\n"}
{"Action":"pass","Test":"TestA/sid-openrc/qemu"}
{"Action":"fail","Test":"TestA/sid-openrc/lxc"}
{"Action":"skip","Test":"TestB/sid-openrc"}
{"Action":"fail","Test":"TestA"}
{"Action":"pass","Test":"TestOther"}
{"Action":"pass","Test":"TestC/sid-openrc"}
{"Action":"pass","Test":"TestC/sid-openrc/hook"}
{"Action":"pass","Test":"TestD/trixie-openrc"}
{"Action":"fail","Test":"TestE"}
{"Action":"fail"}
`

// Sums of others are not counted, nor what belongs to no combination unless it
// failed; what was skipped was not tested.
func TestLeavesOfTheCombinationCount(t *testing.T) {
	r, err := read(strings.NewReader(said), "sid-openrc")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"TestA/sid-openrc/lxc", "TestB/sid-openrc", "TestE"}; !slices.Equal(r.failed, want) {
		t.Errorf("failed: %q, want %q", r.failed, want)
	}
	if len(r.passed) != 2 {
		t.Errorf("passed: %q", r.passed)
	}
	var text strings.Builder
	if r.print(&text, "sid/openrc", 90*time.Second, nil) {
		t.Error("a row with a failure counts as good")
	}
	for _, want := range []string{"11.1.3", "     2      3      5      90\n", "  FAIL TestA/sid-openrc/lxc\n           a_test.go:1: it is so\n"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in\n%s", want, text.String())
		}
	}
}

// A combination without tests, or whose tests could not run, is not good.
func TestNothingTestedIsNoSuccess(t *testing.T) {
	good, err := read(strings.NewReader(`{"Action":"pass","Test":"TestA/sid-openrc"}`), "sid-openrc")
	if err != nil {
		t.Fatal(err)
	}
	broken, err := read(strings.NewReader(`{"Action":"build-output","Output":"it does not compile\n"}`), "sid-openrc")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		result
		err  error
		want bool
		says string
	}{
		"good":   {good, nil, true, "sid"},
		"ended":  {good, errors.New("exit status 2"), false, "exit status 2"},
		"broken": {broken, errors.New("exit status 1"), false, "it does not compile"},
		"empty":  {result{}, nil, false, "not tested"},
	} {
		var text strings.Builder
		if got := c.print(&text, "sid/openrc", time.Second, c.err); got != c.want || !strings.Contains(text.String(), c.says) {
			t.Errorf("%s: %v, want %v and %q\n%s", name, got, c.want, c.says, text.String())
		}
	}
	if _, err := read(strings.NewReader("go: no such tool\n"), "sid-openrc"); err == nil {
		t.Error("what is not JSON was read")
	}
}
