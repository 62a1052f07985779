package qemu

import (
	"fmt"
	"slices"
	"strings"
)

// only says whether text has no other characters than these. (Package regexp
// would do, but what it compiles at every start of the program adds up.)
func only(text, characters string) bool { return strings.Trim(text, characters) == "" }

const (
	lower = "abcdefghijklmnopqrstuvwxyz"
	upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digit = "0123456789"
)

// option is NAME=VALUE in one of QEMU's comma-separated lists.
type option struct{ name, value string }

// smuggled finds a second option behind a comma, as one can write it for a
// shell script that pastes values into a command line.
func smuggled(value string) (name string, ok bool) {
	_, rest, _ := strings.Cut(value, ",")
	for part := range strings.SplitSeq(rest, ",") {
		name, _, ok := strings.Cut(part, "=")
		if ok && name != "" && only(name, lower+digit+"_.-") {
			return name, true
		}
	}
	return "", false
}

// options lists what the variables PREFIX… hand to QEMU as they are, sorted by
// name, which is the order in which a shell's set lists them.
func (p *planner) options(prefix string, except ...string) []option {
	var found []option
	for _, v := range p.Config.Values {
		name, ok := strings.CutPrefix(v.Name, prefix)
		if !ok || name == "" || v.Text == "" || slices.Contains(except, name) {
			continue
		}
		if second, ok := smuggled(v.Text); ok && name != "file" {
			p.Fail(v.Name, fmt.Sprintf("give %s a line of its own: %s%s=…", second, prefix, second), "the value holds a second option")
		}
		found = append(found, option{name, v.Text})
	}
	return sortOptions(found)
}

// sortOptions sorts by name and keeps the order of equal ones.
func sortOptions(options []option) []option {
	slices.SortStableFunc(options, func(a, b option) int { return strings.Compare(a.name, b.name) })
	return options
}

// list writes options as QEMU reads them, a comma after each.
func list(options []option) string {
	var b strings.Builder
	for _, o := range options {
		b.WriteString(o.name + "=" + escape(o.value) + ",")
	}
	return b.String()
}

// escape doubles commas, which is how QEMU's option lists quote them.
func escape(value string) string { return strings.ReplaceAll(value, ",", ",,") }
