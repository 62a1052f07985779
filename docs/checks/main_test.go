package main

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPageIsThatOfTheCatalogues(t *testing.T) {
	have, err := os.ReadFile("../checks.md")
	if err != nil {
		t.Fatal(err)
	}
	want, err := page("../../lint/testdata")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(have), "\n"), strings.Split(string(want), "\n")); diff != "" {
		t.Errorf("docs/checks.md is out of date: go generate ./docs/checks (-page +catalogues)\n%s", diff)
	}
}
