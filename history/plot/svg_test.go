package plot

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/history"
	"github.com/guestrc/guestrc/shutdown"
)

// node is an element of a picture.
type node struct {
	name     string
	attr     map[string]string
	text     string
	children []*node
}

func (n *node) num(name string) float64 {
	f, err := strconv.ParseFloat(n.attr[name], 64)
	if err != nil {
		return math.NaN()
	}
	return f
}

// all are the elements of that name, or of that class, below n.
func (n *node) all(name, class string) (found []*node) {
	for _, c := range n.children {
		if c.name == name && (class == "" || c.attr["class"] == class) {
			found = append(found, c)
		}
		found = append(found, c.all(name, class)...)
	}
	return found
}

// parse reads a picture as any XML parser does.
func parse(picture []byte) (*node, error) {
	d := xml.NewDecoder(bytes.NewReader(picture))
	root := &node{}
	open := []*node{root}
	for {
		token, err := d.Token()
		if err == io.EOF {
			return root.children[0], nil
		}
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			n := &node{name: t.Name.Local, attr: map[string]string{}}
			for _, a := range t.Attr {
				n.attr[a.Name.Local] = a.Value
			}
			parent := open[len(open)-1]
			parent.children = append(parent.children, n)
			open = append(open, n)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			open[len(open)-1].text += string(t)
		}
	}
}

// drawn is the picture of a sample.
func drawn(t *testing.T, s Scene) (*node, []byte) {
	t.Helper()
	var b bytes.Buffer
	if err := s.SVG(&b); err != nil {
		t.Fatal(err)
	}
	root, err := parse(b.Bytes())
	if err != nil {
		t.Fatalf("not well-formed: %v", err)
	}
	return root, b.Bytes()
}

func eachSample(t *testing.T, check func(t *testing.T, s Scene, svg *node)) {
	for name, entries := range samples() {
		t.Run(name, func(t *testing.T) {
			s, err := Select(entries, Query{Boot: name == "boot"})
			if err != nil {
				t.Fatal(err)
			}
			svg, _ := drawn(t, s)
			check(t, s, svg)
		})
	}
}

// axisOf gives the place of a moment, as a reader takes it from the ticks.
func axisOf(t *testing.T, svg *node) func(time.Duration) float64 {
	t.Helper()
	ticks := svg.all("g", "axis")[0].all("text", "")
	last := ticks[len(ticks)-1]
	number, unit, _ := strings.Cut(last.text, " ")
	per := map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "min": time.Minute}[unit]
	value, err := strconv.ParseFloat(number, 64)
	if err != nil || per == 0 || ticks[0].text != "0" {
		t.Fatalf("ticks from %q to %q", ticks[0].text, last.text)
	}
	x0 := ticks[0].num("x")
	scale := (last.num("x") - x0) / (value * float64(per))
	return func(d time.Duration) float64 { return x0 + float64(d)*scale }
}

func near(a, b float64) bool { return math.Abs(a-b) <= 0.6 }

func TestEveryRungIsDrawnWhereItWas(t *testing.T) {
	eachSample(t, func(t *testing.T, s Scene, svg *node) {
		x := axisOf(t, svg)
		bars, names := svg.all("g", "bar"), svg.all("text", "name")
		if len(bars) != len(s.Bars) || len(names) != len(s.Bars) {
			t.Fatalf("%d bars and %d names of %d guests", len(bars), len(names), len(s.Bars))
		}
		for i, b := range s.Bars {
			rects := bars[i].all("rect", "")
			var fills, want []string
			for _, r := range rects {
				fills = append(fills, r.attr["fill"])
				if r.num("width") < leastWide-0.11 || math.Abs(r.num("y")+r.num("height")/2-names[i].num("y")) > r.num("height") {
					t.Errorf("%s: a rung of %v × %v at %v, its name at %v", b.Guest, r.attr["width"], r.attr["height"], r.attr["y"], names[i].attr["y"])
				}
			}
			for _, g := range b.Segments {
				if p := paintOf(g.What); !p.thin {
					want = append(want, p.fill)
				}
			}
			if diff := cmp.Diff(want, fills); diff != "" {
				t.Fatalf("%s: rungs (-want +got):\n%s", b.Guest, diff)
			}
			first, last := rects[0], rects[len(rects)-1]
			least := leastWide * float64(len(want))
			end := x(b.End.Sub(s.Began))
			if begin := x(b.Begin.Sub(s.Began)); !near(first.num("x"), begin) && first.num("x") > begin {
				t.Errorf("%s: begins at %v, not at %v", b.Guest, first.num("x"), begin)
			}
			if got := last.num("x") + last.num("width"); got < end-0.6 || got > end+least+0.6 {
				t.Errorf("%s: ends at %v, not at %v", b.Guest, got, end)
			}
		}
	})
}

func TestNothingOverlapsOrIsCut(t *testing.T) {
	eachSample(t, func(t *testing.T, s Scene, svg *node) {
		wide, high := svg.num("width"), svg.num("height")
		for _, r := range svg.all("rect", "") {
			if x, y := r.num("x"), r.num("y"); x < 0 || y < 0 || x+r.num("width") > wide || y+r.num("height") > high {
				t.Errorf("a bar leaves the sheet: %v", r.attr)
			}
		}
		bars, names, labels := svg.all("g", "bar"), svg.all("text", "name"), svg.all("text", "label")
		size := svg.all("g", "labels")[0].num("font-size")
		for i, label := range labels {
			rects := bars[i].all("rect", "")
			last := rects[len(rects)-1]
			if begin := label.num("x"); begin < last.num("x")+last.num("width")+4 || begin+width(label.text, size) > wide {
				t.Errorf("%q lies on its bar, or is cut", label.text)
			}
			if names[i].num("x") > rects[0].num("x") || names[i].num("x")-width(names[i].text, size) < 0 {
				t.Errorf("%q lies on its bar, or is cut", names[i].text)
			}
			if i > 0 && (label.num("y")-labels[i-1].num("y") < size || names[i].num("y") != label.num("y")) {
				t.Errorf("%q is written over another", label.text)
			}
			for _, text := range bars[i].all("text", "") {
				x := text.num("x")
				inside := func(r *node) bool {
					return r.num("x") < x && x+width(text.text, text.num("font-size")) < r.num("x")+r.num("width")
				}
				if !slices.ContainsFunc(rects, inside) || text.num("font-size") > rects[0].num("height") {
					t.Errorf("%q does not fit into its rung", text.text)
				}
			}
		}
		x := 0.0
		for _, tick := range svg.all("g", "axis")[0].all("text", "") {
			if tick.num("x")+width(tick.text, 11)/2 > wide {
				t.Errorf("tick %q is cut", tick.text)
			}
			if tick.num("x") != x && math.Abs(tick.num("x")-x) < width(tick.text, 11)+4 {
				t.Errorf("tick %q is written over another", tick.text)
			}
			x = tick.num("x")
		}
		for _, k := range svg.all("g", "legend")[0].all("text", "") {
			if k.num("x")+width(k.text, textSize) > wide || k.num("y") > labels[0].num("y")-size {
				t.Errorf("%q of the legend is cut", k.text)
			}
		}
	})
}

func TestTheBudgetIsALine(t *testing.T) {
	eachSample(t, func(t *testing.T, s Scene, svg *node) {
		budget := svg.all("g", "budget")
		if s.Budget() == 0 {
			if len(budget) > 0 {
				t.Error("a budget, where none was")
			}
			return
		}
		text := budget[0].all("text", "")[0].text
		if !strings.HasPrefix(text, "budget "+Span(s.Budget())) {
			t.Errorf("it says %q", text)
		}
		lines := budget[0].all("path", "")
		if s.Budget() > farBudget*s.Took() {
			if len(lines) > 0 || !strings.HasSuffix(text, "→") {
				t.Errorf("a line for %q, which is beyond the axis", text)
			}
			return
		}
		var x, top, bottom float64
		if _, err := fmt.Sscanf(lines[0].attr["d"], "M%f %fV%f", &x, &top, &bottom); err != nil {
			t.Fatal(err)
		}
		labels := svg.all("text", "label")
		if want := axisOf(t, svg)(s.Budget()); !near(x, want) || top > labels[0].num("y") || bottom < labels[len(labels)-1].num("y") {
			t.Errorf("the line is at %v from %v to %v, not at %v", x, top, bottom, want)
		}
	})
}

func TestArrowsConnectTheRightRows(t *testing.T) {
	eachSample(t, func(t *testing.T, s Scene, svg *node) {
		names, bars := svg.all("text", "name"), svg.all("g", "bar")
		row := func(y float64) string {
			best := 0
			for i, n := range names {
				if math.Abs(n.num("y")-y) < math.Abs(names[best].num("y")-y) {
					best = i
				}
			}
			return s.Bars[best].Guest
		}
		var want, got []string
		for _, b := range s.Bars {
			for _, a := range b.After {
				want = append(want, a+" "+b.Guest)
			}
		}
		for _, a := range svg.all("path", "arrow") {
			guest, _, _ := strings.Cut(a.all("title", "")[0].text, " followed ")
			i := slices.IndexFunc(s.Bars, func(b Bar) bool { return b.Guest == guest })
			bar := bars[i].all("rect", "")[0]
			begin, top, bottom := bar.num("x"), bar.num("y")-0.2, bar.num("y")+bar.num("height")+0.2
			for part := range strings.SplitSeq(strings.TrimPrefix(a.attr["d"], "M"), "M") {
				var x, y, to float64
				if _, err := fmt.Sscanf(part, "%f %fV%f", &x, &y, &to); err == nil {
					got = append(got, row(y)+" "+guest)
					if x > begin+0.11 || to < top || to > bottom {
						t.Errorf("an arrow from %s to %s ends at %v, %v; the bar begins at %v from %v to %v", row(y), guest, x, to, begin, top, bottom)
					}
				} else if _, err := fmt.Sscanf(part, "%f %fH%f", &x, &y, &to); err != nil || row(y) != guest || !near(to+1, begin) {
					t.Errorf("an arrow to %s ends with %q, not at %v: %v", guest, part, begin, err)
				}
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("arrows (-want +got):\n%s", diff)
		}
	})
}

func TestTheLegendHasWhatOccurs(t *testing.T) {
	want := map[string][]string{
		"one":        {"agent", "acpi"},
		"five":       {"agent", "acpi", "halt", "quit", "KILL", "waiting for others", "dependency", "killed"},
		"unfinished": {"halt", "exec", "interrupted"},
		"boot":       {"until its process ran", "until it was ready", "waiting for others", "dependency", "failed", "not ready in time"},
	}
	eachSample(t, func(t *testing.T, s Scene, svg *node) {
		var got []string
		for _, k := range svg.all("g", "legend")[0].all("text", "") {
			got = append(got, k.text)
		}
		if w := want[t.Name()[strings.LastIndex(t.Name(), "/")+1:]]; w != nil && !slices.Equal(got, w) {
			t.Errorf("%q, want %q", got, w)
		}
		marks := len(s.Bars) - s.Count(Down, Ready)
		if n := len(svg.all("path", "mark")); n != marks {
			t.Errorf("%d marks for %d guests that did not go well", n, marks)
		}
	})
}

func TestAPictureIsAlwaysTheSame(t *testing.T) {
	entries := crowd(100, 45)
	var pictures [][]byte
	for range 5 {
		rand.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
		s, err := Select(entries, Query{})
		if err != nil {
			t.Fatal(err)
		}
		_, picture := drawn(t, s)
		pictures = append(pictures, picture)
	}
	for _, p := range pictures[1:] {
		if !bytes.Equal(p, pictures[0]) {
			t.Fatal("the same entries in another order, and another picture")
		}
	}
	if n := len(pictures[0]); n > 100<<10 {
		t.Errorf("%d bytes for 100 guests", n)
	}
}

func TestWhatOthersWroteIsText(t *testing.T) {
	o := hostDown(0)
	evil := "</title><script href=\"x\">&amp;\x1b[31m\x00\u202e\xff\ufffe]]>"
	e := stopped(o, "qemu.db", 0, []string{evil}, rung(evil, shutdown.Failed, 1), rung("KILL", shutdown.Down, 0))
	e.Error, e.Cause = evil, evil
	s, err := Select([]history.Entry{e, stopped(o, evil, 0, nil, rung("halt", shutdown.Down, 1))}, Query{})
	if err != nil {
		t.Fatal(err)
	}
	svg, picture := drawn(t, s)
	if len(svg.all("script", "")) > 0 || bytes.Contains(picture, []byte("<script")) {
		t.Error("there is a script")
	}
	if !strings.Contains(svg.all("g", "bar")[1].all("title", "")[0].text, "</title><script href=\"x\">&amp;\uFFFD[31m") {
		t.Errorf("it is not shown: %q", svg.all("g", "bar")[1].all("title", "")[0].text)
	}
	for _, r := range string(picture) {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			t.Errorf("there is %q", r)
		}
	}
}

func TestAPictureStandsForItself(t *testing.T) {
	eachSample(t, func(t *testing.T, s Scene, svg *node) {
		elements := []string{"svg", "title", "desc", "g", "rect", "path", "text"}
		var look func(n *node)
		look = func(n *node) {
			if !slices.Contains(elements, n.name) || n.attr["href"] != "" || n.attr["style"] != "" {
				t.Errorf("there is <%s %v>", n.name, n.attr)
			}
			for _, c := range n.children {
				look(c)
			}
		}
		look(svg)
		if svg.children[0].text != s.Title() || svg.children[1].text != s.Summary() || svg.attr["role"] != "img" {
			t.Errorf("title %q, description %q, role %q", svg.children[0].text, svg.children[1].text, svg.attr["role"])
		}
	})
}
