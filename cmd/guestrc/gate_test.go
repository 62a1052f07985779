package main

import (
	"strings"
	"testing"

	"github.com/guestrc/guestrc/initd"
)

// A kind that the script forgets would be stopped after the gate.
func TestGateKnowsEveryKind(t *testing.T) {
	for _, k := range kinds() {
		for what, word := range map[string]string{"its order": "after", "its start": "for guest in"} {
			_, rest, _ := strings.Cut(initd.Script, "\t"+word+" ")
			row, _, _ := strings.Cut(rest, "\n")
			if !strings.Contains(row, k.Name()+".*") {
				t.Errorf("%s knows nothing of %s: %q", what, k.Name(), row)
			}
		}
	}
}
