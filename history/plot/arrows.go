package plot

import (
	"cmp"
	"slices"
	"strings"
)

// mostArrows is how many of those that a guest was to follow have an arrow to
// it: the last ones, which it waited for in the end.
const mostArrows = 12

// arrows draws, for each guest that followed others, one path: from the ends of
// their bars down (or up) to its row, along its waiting to its own beginning.
// They lie below the rungs' bars, and hide none.
func (sh *sheet) arrows(w *writer) {
	var heads strings.Builder
	w.put(`<g class="arrows" fill="none" stroke="#6b7480" stroke-width="1">` + "\n")
	for i, b := range sh.Bars {
		others := sh.followed(b)
		if len(others) == 0 {
			continue
		}
		p := sh.places[i]
		w.put(`<path class="arrow" d="`)
		first, above, below := p.begin, 0.0, 0.0 // x of the horizontal and the vertical ones
		for _, other := range others {
			row := sh.at[other.Guest]
			q := sh.places[row]
			x := min(q.end, p.begin)
			first = min(first, x)
			y := p.y
			if p.begin-x < headWide { // straight onto its bar
				if row < i {
					y, above = p.y-sh.bar/2, max(above, x)
				} else {
					y, below = p.y+sh.bar/2, max(below, x)
				}
			}
			w.put("M", num(x), " ", num(q.y), "V", num(y))
		}
		if p.begin-first >= headWide {
			w.put("M", num(first), " ", num(p.y), "H", num(p.begin-1))
			head(&heads, p.begin, p.y, 1, 0)
		}
		if above > 0 {
			head(&heads, above, p.y-sh.bar/2, 0, 1)
		}
		if below > 0 {
			head(&heads, below, p.y+sh.bar/2, 0, -1)
		}
		w.put(`"><title>`, escape(b.Guest+" followed"+strings.TrimPrefix(followed(b.After), " for")), "</title></path>\n")
	}
	w.put("</g>\n")
	if heads.Len() > 0 {
		w.put(`<path class="heads" fill="#6b7480" d="`, heads.String(), "\"/>\n")
	}
}

const headWide = 5.0

// head is the head of an arrow that points to x, y in direction dx, dy.
func head(b *strings.Builder, x, y, dx, dy float64) {
	bx, by := x-headWide*dx, y-headWide*dy
	for i, f := range []float64{x, y, bx - dy*2.6, by - dx*2.6, bx + dy*2.6, by + dx*2.6} {
		b.WriteString([]string{"M", " ", "L", " ", " ", " "}[i])
		b.WriteString(num(f))
	}
	b.WriteByte('z')
}

// followed are those that b followed last.
func (sh *sheet) followed(b Bar) []*Bar {
	var others []*Bar
	for _, name := range b.After {
		if row, ok := sh.at[name]; ok {
			others = append(others, &sh.Bars[row])
		}
	}
	slices.SortFunc(others, func(a, b *Bar) int {
		return cmp.Or(b.End.Compare(a.End), cmp.Compare(sh.at[a.Guest], sh.at[b.Guest]))
	})
	return others[:min(len(others), mostArrows)]
}
