package main

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/finding"
	"github.com/guestrc/guestrc/guest"
)

// fields are the names that t has in JSON, and all that is in it has.
func fields(t reflect.Type) (names []string) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		return fields(t.Elem())
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() {
			return nil
		}
		for _, f := range reflect.VisibleFields(t) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" || name == "-" {
				continue
			}
			names = append(append(names, name), fields(f.Type)...)
		}
	}
	return names
}

// Whoever reads JSON by a program finds every field in the manual.
func TestJSONFieldsAreInTheManual(t *testing.T) {
	page, err := os.ReadFile("../../docs/man/guestrc.8")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n.Ss JSON\n")
	section, _, found := strings.Cut(section, "\n.Sh ")
	if !found {
		t.Fatal("guestrc(8) has no section on JSON")
	}
	words := []string{"version", "guests"} // of the first sentence
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, ".Va ") || strings.HasPrefix(line, ".It Li ") {
			words = append(words, strings.Fields(line)[1:]...)
		}
	}
	for _, v := range []any{guest.Status{}, past{}, verdict{}, explained{}, finding.Finding{}} {
		all := fields(reflect.TypeOf(v))
		if len(all) < 5 {
			t.Errorf("%T has only %q", v, all)
		}
		for _, name := range all {
			if !slices.Contains(words, name) {
				t.Errorf("%T: %s is not told", v, name)
			}
		}
	}
}
