package plot

import (
	"cmp"
	"slices"
	"time"

	"github.com/guestrc/guestrc/shutdown"
)

// placeBar finds the places of a bar's segments. Every rung can be seen: one
// that was too short for that takes from its neighbours, and where the whole bar
// is too short, from the room beside it.
func (sh *sheet) placeBar(i int) {
	b, p := sh.Bars[i], &sh.places[i]
	p.y = sh.top + sh.row*(float64(i)+0.5)
	var own []Segment
	least := 0.0
	for _, s := range b.Segments {
		if s.What != Waiting {
			own = append(own, s)
			least += leastOf(s)
		}
	}
	p.begin = min(sh.x(b.Begin), sh.right-least)
	p.end = max(sh.x(b.End), p.begin+least)
	if len(own) < len(b.Segments) && p.begin > sh.left+thinLeast {
		p.segments = append(p.segments, stretch{x: sh.left, width: p.begin - sh.left, paint: paintOf(Waiting)})
	}
	from, to := make([]float64, len(own)), make([]float64, len(own))
	cursor := p.begin
	for n, s := range own {
		from[n] = max(sh.x(s.Begin), cursor)
		to[n] = max(sh.x(s.End), from[n]+leastOf(s))
		cursor = to[n]
	}
	limit := p.end
	for n := len(own) - 1; n >= 0; n-- {
		to[n] = min(to[n], limit)
		from[n] = min(from[n], to[n]-leastOf(own[n]))
		limit = from[n]
	}
	for n, s := range own {
		if to[n] > from[n]+thinLeast {
			p.segments = append(p.segments, sh.stretchOf(s, from[n], to[n]))
		}
	}
}

// thinLeast is what is left out, of segments that are no rungs.
const thinLeast = 0.5

func leastOf(s Segment) float64 {
	if paintOf(s.What).thin {
		return 0
	}
	return leastWide
}

// stretchOf names the rung within it where there is room.
func (sh *sheet) stretchOf(s Segment, from, to float64) stretch {
	st := stretch{x: from, width: to - from, paint: paintOf(s.What)}
	if st.paint.thin || sh.Starts() || sh.font < 8 {
		return st
	}
	texts := []string{st.paint.key}
	if s.Result != "" && s.Result != shutdown.Down {
		texts = []string{st.paint.key + " " + string(s.Result), st.paint.key}
	}
	for _, text := range texts {
		if width(text, sh.inner()) <= st.width-8 {
			st.text = text
			break
		}
	}
	return st
}

// inner is the size of text within bars.
func (sh *sheet) inner() float64 { return sh.font - 1.5 }

// x is where on the axis t is.
func (sh *sheet) x(t time.Time) float64 {
	share := float64(t.Sub(sh.Began)) / float64(sh.length)
	return sh.left + (sh.right-sh.left)*min(1, max(0, share))
}

// key is an entry of the legend.
type key struct {
	x, y  float64
	paint paint
	mark  string
	arrow bool
}

const keyWide = 20.0 // a sample of the colour, and a gap

// placeLegend has what occurs, and tells in how many rows.
func (sh *sheet) placeLegend() int {
	var paints []string
	var marks []Result
	arrows := false
	for _, b := range sh.Bars {
		arrows = arrows || len(b.After) > 0
		for _, s := range b.Segments {
			if !slices.Contains(paints, s.What) {
				paints = append(paints, s.What)
			}
		}
		if markOf(b.Result) != "" && !slices.Contains(marks, b.Result) {
			marks = append(marks, b.Result)
		}
	}
	slices.SortFunc(paints, func(a, b string) int {
		return cmp.Or(cmp.Compare(legendOrder(a), legendOrder(b)), cmp.Compare(a, b))
	})
	slices.Sort(marks)
	for _, what := range paints {
		sh.legend = append(sh.legend, key{paint: paintOf(what)})
	}
	if arrows {
		sh.legend = append(sh.legend, key{arrow: true, paint: paint{key: "dependency"}})
	}
	for _, r := range marks {
		sh.legend = append(sh.legend, key{mark: markOf(r), paint: paint{key: r.words()}})
	}
	x, row := margin, 0
	for i := range sh.legend {
		k := &sh.legend[i]
		k.paint.key = clip(k.paint.key, 40)
		wide := keyWide + width(k.paint.key, textSize) + 16
		if x+wide > sh.width-margin && x > margin {
			x, row = margin, row+1
		}
		k.x, k.y = x, margin+2*titleSize+22+20*float64(row)
		x += wide
	}
	return row + 1
}
