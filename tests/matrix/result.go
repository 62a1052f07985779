package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// event is a line of go test -json; see go doc cmd/test2json.
type event struct {
	Action, Test, Output, Key, Value string
}

// result is what came of one combination's tests.
type result struct {
	versions map[string]string // by attribute
	passed   []string
	failed   []string
	output   map[string][]string // by test; "" is what belongs to none
}

// read takes in what go test says. A test counts when the combination is a part
// of its name, and it is not the sum of others. What fails counts in any case.
func read(from io.Reader, combination string) (result, error) {
	r := result{versions: map[string]string{}, output: map[string][]string{}}
	ended := map[string]string{}
	events := json.NewDecoder(from)
	for {
		var e event
		err := events.Decode(&e)
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return r, fmt.Errorf("cannot read what go test says: %w", err)
		}
		switch e.Action {
		case "output", "build-output":
			r.output[e.Test] = append(r.output[e.Test], e.Output)
		case "attr":
			r.versions[e.Key] = e.Value
		case "pass", "fail", "skip":
			ended[e.Test] = e.Action
		}
	}
	for name, how := range ended {
		ours := slices.Contains(strings.Split(name, "/"), combination)
		switch {
		case name == "" || isParent(name, ended):
		case how == "fail" || ours && how == "skip":
			r.failed = append(r.failed, name)
		case ours:
			r.passed = append(r.passed, name)
		}
	}
	slices.Sort(r.failed)
	return r, nil
}

func isParent(name string, all map[string]string) bool {
	for other := range all {
		if strings.HasPrefix(other, name+"/") {
			return true
		}
	}
	return false
}

const row = "%-9s %-8s %-8s %-8s %-7s %6v %6v %6v %7v\n"

// print prints the row, and below it what failed. It says whether all is well.
func (r result) print(w io.Writer, combination string, took time.Duration, err error) bool {
	release, init, _ := strings.Cut(combination, "/")
	passed, failed := len(r.passed), len(r.failed)
	fmt.Fprintf(w, row, release, init, r.versions["init"], r.versions["qemu"], r.versions["lxc"],
		passed, failed, passed+failed, int(took.Seconds()))
	for _, name := range r.failed {
		fmt.Fprintf(w, "  FAIL %s\n%s", name, indented(r.output[name]))
	}
	if failed == 0 && (err != nil || passed == 0) {
		fmt.Fprintf(w, "  not tested: %v\n%s", err, indented(r.output[""]))
	}
	return failed == 0 && passed > 0 && err == nil
}

// lastLines are shown of what a failed test said.
const lastLines = 30

func indented(output []string) string {
	lines := strings.SplitAfter(strings.Join(output, ""), "\n")
	lines = slices.DeleteFunc(lines, func(l string) bool { return l == "" || strings.HasPrefix(l, "=== ") })
	return strings.Join(append([]string{""}, lines[max(0, len(lines)-lastLines):]...), "       ")
}
