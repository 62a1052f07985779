package check

import (
	"strings"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/deps"
	"github.com/guestrc/guestrc/finding"
)

// Waiter is a service of ours, and what it waits for.
type Waiter struct {
	Name         string // "qemu.db", "net.br0"
	Dependencies []deps.Dependency
}

// Circles finds services that wait for each other; about tells of whom they are
// to be told.
func Circles(all []Waiter, about func(name string) bool) (found []finding.Finding) {
	w := walk{index: map[string]int{}, state: make([]int, len(all)), names: make([]string, len(all)), edges: make([][]edge, len(all))}
	for i, one := range all {
		w.index[one.Name], w.names[i] = i, one.Name
	}
	for i, one := range all {
		w.add(i, one.Dependencies)
	}
	for i := range all {
		w.visit(i)
	}
	for _, circle := range w.circles {
		for i, e := range circle { // told at the first place that is asked about
			if about(w.names[e.from]) {
				found = append(found, w.finding(append(circle[i:len(circle):len(circle)], circle[:i]...)))
				break
			}
		}
	}
	return found
}

// edge says that from waits for to.
type edge struct {
	from, to int
	why      deps.Dependency
}

// walk goes along what waits for what.
type walk struct {
	index   map[string]int
	names   []string
	edges   [][]edge
	state   []int // of each service: new, entered or left
	path    []edge
	circles [][]edge
}

const (
	entered = 1
	left    = 2
)

func (w *walk) add(i int, dependencies []deps.Dependency) {
	for _, d := range dependencies {
		name := d.Name
		if d.Sort == deps.Bridge {
			name = "net." + name
		}
		to, ours := w.index[name]
		switch {
		case !ours || to == i || d.Sort != deps.Service && d.Sort != deps.Bridge:
		case d.Relation == deps.Before:
			w.edges[to] = append(w.edges[to], edge{to, i, d})
		default:
			w.edges[i] = append(w.edges[i], edge{i, to, d})
		}
	}
}

func (w *walk) visit(i int) {
	if w.state[i] != 0 {
		return
	}
	w.state[i] = entered
	for _, e := range w.edges[i] {
		if w.state[e.to] == entered {
			w.closed(e)
			continue
		}
		w.path = append(w.path, e)
		w.visit(e.to)
		w.path = w.path[:len(w.path)-1]
	}
	w.state[i] = left
}

// closed notes the circle that last closes, unless its services are in another
// one already.
func (w *walk) closed(last edge) {
	begin := len(w.path)
	for begin > 0 && w.path[begin-1].to != last.to {
		begin--
	}
	circle := append(append([]edge(nil), w.path[begin:]...), last)
	for _, known := range w.circles {
		for _, e := range known {
			if e.from == last.from || e.from == last.to {
				return
			}
		}
	}
	w.circles = append(w.circles, circle)
}

// shownServices of a circle are named.
const shownServices = 6

func (w *walk) finding(circle []edge) finding.Finding {
	text := []string{w.names[circle[0].from] + " waits for " + w.names[circle[0].to]}
	needs := circle[0].why.Relation == deps.Need
	for i, e := range circle[1:] {
		if i < shownServices {
			text = append(text, "which waits for "+w.names[e.to])
		}
		needs = needs && e.why.Relation == deps.Need
	}
	if len(circle) > shownServices+1 {
		text = append(text, "and so on")
	}
	var at confd.Pos
	for _, e := range circle {
		if at = e.why.Pos; at.File != "" {
			break
		}
	}
	f := Rules().New("GR609", w.names[circle[0].from], at, strings.Join(text, ", "), "")
	if needs {
		f.Severity = finding.Error // no init system can start any of them
	}
	return f
}
