package check_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/guestrc/guestrc/check"
	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/deps"
)

// waiters reads "a need b" lines; "br:x" is the bridge x.
func waiters(text string) (all []check.Waiter) {
	for n, line := range strings.Split(strings.TrimSpace(text), "\n") {
		words := strings.Fields(line)
		d := deps.Dependency{Relation: deps.Relation(words[1]), Sort: deps.Service, Name: words[2], Pos: confd.Pos{File: "f", Line: n + 1}}
		if name, ok := strings.CutPrefix(words[2], "br:"); ok {
			d.Sort, d.Name = deps.Bridge, name
		}
		i := slices.IndexFunc(all, func(w check.Waiter) bool { return w.Name == words[0] })
		if i < 0 {
			i, all = len(all), append(all, check.Waiter{Name: words[0]})
		}
		all[i].Dependencies = append(all[i].Dependencies, d)
	}
	return all
}

func TestCirclesAreFound(t *testing.T) {
	for _, c := range []struct {
		name, waits string
		about       string // empty: all
		want        []string
	}{
		{name: "a line", waits: "a need b\nb need c\nc need d\na need c"},
		{name: "itself", waits: "a need a"},
		{name: "two", waits: "a need b\nb need a", want: []string{"f:1 error GR609 a: a waits for b, which waits for a"}},
		{name: "two, softly", waits: "a after b\nb need a", want: []string{"f:1 warning GR609 a: a waits for b, which waits for a"}},
		{name: "before is the other way", waits: "a need b\na before b\nb need sshd", want: []string{"f:1 warning GR609 a: a waits for b, which waits for a"}},
		{name: "before what it is after anyhow", waits: "a need b\nb before a"},
		{name: "a bridge", waits: "net.x use q\nq want br:x", want: []string{"f:1 warning GR609 net.x: net.x waits for q, which waits for net.x"}},
		{name: "of strangers", waits: "a need sshd\nb before net"},
		{name: "one among others", waits: "z need a\na need b\nb need c\nc need a\nc need y", want: []string{"f:2 error GR609 a: a waits for b, which waits for c, which waits for a"}},
		{name: "two circles", waits: "a need b\nb need a\nc need d\nd need c\na need c",
			want: []string{"f:1 error GR609 a: a waits for b, which waits for a", "f:3 error GR609 c: c waits for d, which waits for c"}},
		{name: "asked about one of it", waits: "a need b\nb need c\nc need a", about: "c", want: []string{"f:3 error GR609 c: c waits for a, which waits for b, which waits for c"}},
		{name: "asked about another", waits: "a need b\nb need a\nc need a", about: "c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, f := range check.Circles(waiters(c.waits), func(name string) bool { return c.about == "" || name == c.about }) {
				got = append(got, f.Pos.String()+" "+string(f.Severity)+" "+f.ID+" "+f.Subject+": "+f.Message)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}
