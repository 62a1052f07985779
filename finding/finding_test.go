package finding_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/finding"
)

var rules = finding.Catalogue{
	{ID: "X1", Title: "a fault", Severity: finding.Error, Why: "It hurts.", Fix: "mend it"},
	{ID: "X2", Title: "a risk", Severity: finding.Warning, Why: "It may hurt.", Fix: "look at it"},
	{ID: "X3", Title: "a blemish", Severity: finding.Info, Why: "It is not nice.", Fix: "polish it"},
}

func at(file string, line, col int) confd.Pos { return confd.Pos{File: file, Line: line, Col: col} }

func TestExitStatusIsThatOfTheWorst(t *testing.T) {
	for _, c := range []struct {
		ids   []string
		want  int
		count string
	}{
		{nil, 0, ""},
		{[]string{"X3", "X3"}, 0, "2 remarks"},
		{[]string{"X3", "X2"}, 1, "1 warning, 1 remark"},
		{[]string{"X2", "X1", "X3", "x1"}, 2, "2 errors, 1 warning, 1 remark"},
	} {
		var all []finding.Finding
		for _, id := range c.ids {
			all = append(all, rules.New(id, "", confd.Pos{}, "so it is", ""))
		}
		if got := finding.ExitStatus(all); got != c.want {
			t.Errorf("%q: exit status %d, want %d", c.ids, got, c.want)
		}
		if got := finding.Count(all); got != c.count {
			t.Errorf("%q: counted %q, want %q", c.ids, got, c.count)
		}
	}
}

func TestNewTakesFromTheCatalogue(t *testing.T) {
	general, special := rules.New("x2", "qemu.db", at("f", 1, 2), "so it is", ""), rules.New("X2", "", confd.Pos{}, "", "do this")
	if general.ID != "X2" || general.Severity != finding.Warning || general.Why != "It may hurt." || general.Hint != "look at it" {
		t.Errorf("%+v", general)
	}
	if special.Hint != "do this" {
		t.Errorf("the hint is %q", special.Hint)
	}
}

func TestSortPutsInOrderAndLeavesOutWhatWasFoundTwice(t *testing.T) {
	all := []finding.Finding{
		rules.New("X2", "b", at("f", 1, 1), "m", ""), rules.New("X1", "a", at("g", 1, 1), "m", ""),
		rules.New("X1", "a", at("f", 10, 1), "m", ""), rules.New("X1", "a", at("f", 2, 1), "m", ""),
		rules.New("X1", "a", at("f", 2, 1), "m", ""), rules.New("X1", "a", at("f", 2, 1), "another", ""),
	}
	var got []string
	for _, f := range finding.Sort(all) {
		got = append(got, f.Subject+" "+f.Pos.String()+" "+f.Message)
	}
	want := []string{"a f:2:1 m", "a f:2:1 another", "a f:10:1 m", "a g:1:1 m", "b f:1:1 m"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestSarifHasWhatCodeHostsAskFor: GitHub's list of supported properties of
// SARIF 2.1.0.
func TestSarifHasWhatCodeHostsAskFor(t *testing.T) {
	text, err := json.Marshal(rules.Sarif("1.0", []finding.Finding{
		rules.New("X2", "", at("./init.d/a b%", 3, 7), "so it is", "do this"), rules.New("X3", "", at("/etc/init.d/ü", 0, 0), "m", ""),
		rules.New("X2", "", at("x", 1, 0), "m", "")}))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"$schema":"https://json.schemastore.org/sarif-2.1.0.json","version":"2.1.0","runs":[{"tool":{"driver":{"name":"guestrc","version":"1.0","rules":[` +
		`{"id":"X2","shortDescription":{"text":"a risk"},"fullDescription":{"text":"It may hurt."},"help":{"text":"To mend it: look at it"},"defaultConfiguration":{"level":"warning"}},` +
		`{"id":"X3","shortDescription":{"text":"a blemish"},"fullDescription":{"text":"It is not nice."},"help":{"text":"To mend it: polish it"},"defaultConfiguration":{"level":"note"}}]}},` +
		`"results":[{"ruleId":"X2","ruleIndex":0,"level":"warning","message":{"text":"so it is; to mend it: do this"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"init.d/a%20b%25"},"region":{"startLine":3,"startColumn":7}}}]},` +
		`{"ruleId":"X3","ruleIndex":1,"level":"note","message":{"text":"m; to mend it: polish it"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"file:///etc/init.d/%C3%BC"},"region":{"startLine":1}}}]},` +
		`{"ruleId":"X2","ruleIndex":0,"level":"warning","message":{"text":"m; to mend it: look at it"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"x"},"region":{"startLine":1}}}]}]}]}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	none, err := json.Marshal(rules.Sarif("1.0", nil))
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"$schema":"https://json.schemastore.org/sarif-2.1.0.json","version":"2.1.0","runs":[{"tool":{"driver":{"name":"guestrc","version":"1.0","rules":[]}},"results":[]}]}`; string(none) != want {
		t.Errorf("without findings: %s", none)
	}
}
