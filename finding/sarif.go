package finding

import (
	"slices"
	"strings"
)

// Sarif is a log in the form that code hosts read (SARIF 2.1.0, an OASIS
// standard), as far as linters use it; encoding/json writes it.
type Sarif struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool    sarifTool     `json:"tool"`
	Results []sarifResult `json:"results"` // [] for none: a run without results did not run
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version"`
	Rules   []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID      string      `json:"id"`
	Short   sarifText   `json:"shortDescription"`
	Full    sarifText   `json:"fullDescription"`
	Help    sarifText   `json:"help"`
	Default sarifConfig `json:"defaultConfiguration"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifConfig struct {
	Level string `json:"level"`
}

type sarifResult struct {
	RuleID    string          `json:"ruleId"`
	RuleIndex int             `json:"ruleIndex"`
	Level     string          `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations"`
}

type sarifLocation struct {
	Physical struct {
		Artifact struct {
			URI string `json:"uri"`
		} `json:"artifactLocation"`
		Region sarifRegion `json:"region"`
	} `json:"physicalLocation"`
}

type sarifRegion struct {
	Line   int `json:"startLine"`
	Column int `json:"startColumn,omitempty"`
}

// Sarif makes a log of findings of one catalogue, by a program of that version.
// Only the rules that were broken are in it.
func (c Catalogue) Sarif(version string, all []Finding) Sarif {
	driver := sarifDriver{Name: "guestrc", Version: version, Rules: []sarifRule{}}
	results := []sarifResult{}
	for _, f := range all {
		i := slices.IndexFunc(driver.Rules, func(r sarifRule) bool { return r.ID == f.ID })
		if i < 0 {
			i = len(driver.Rules)
			r, _ := c.Rule(f.ID)
			driver.Rules = append(driver.Rules, sarifRule{f.ID, sarifText{r.Title}, sarifText{r.Why}, sarifText{"To mend it: " + r.Fix}, sarifConfig{r.Severity.sarif()}})
		}
		results = append(results, sarifResult{f.ID, i, f.Severity.sarif(), sarifText{f.Message + "; to mend it: " + f.Hint}, []sarifLocation{f.sarif()}})
	}
	return Sarif{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{{sarifTool{driver}, results}}}
}

func (f Finding) sarif() (l sarifLocation) {
	l.Physical.Artifact.URI = uri(f.Pos.File)
	l.Physical.Region = sarifRegion{max(f.Pos.Line, 1), f.Pos.Col} // of the file as a whole: code hosts want a line all the same
	return l
}

// sarif is the level of that name there.
func (s Severity) sarif() string {
	if s == Info {
		return "note"
	}
	return string(s)
}

// uri is a path as a reference relative to where the host's checkout begins, or
// an absolute file URI (RFC 3986, RFC 8089).
func uri(path string) string {
	var text strings.Builder
	if strings.HasPrefix(path, "/") {
		text.WriteString("file://")
	}
	path = strings.TrimPrefix(path, "./")
	for _, b := range []byte(path) {
		switch {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', strings.IndexByte("-._~/", b) >= 0:
			text.WriteByte(b)
		default:
			const hex = "0123456789ABCDEF"
			text.Write([]byte{'%', hex[b>>4], hex[b&15]})
		}
	}
	return text.String()
}
