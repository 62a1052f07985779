package plot

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"time"
)

// writer remembers the first error, so that drawing need not look at each.
type writer struct {
	*bufio.Writer
}

func (w writer) put(parts ...string) {
	for _, p := range parts {
		w.WriteString(p) // bufio keeps the error for Flush
	}
}

// SVG draws s, always with the same bytes. The picture has no scripts, no
// styles and no references, so that any viewer shows it; what others wrote
// is escaped. The error is that of w.
func (s Scene) SVG(w io.Writer) error {
	sh := newSheet(s)
	out := &writer{bufio.NewWriter(w)}
	sh.head(out)
	sh.axis(out)
	sh.waiting(out)
	sh.arrows(out)
	sh.bars(out)
	sh.deadline(out)
	sh.labels(out)
	out.put("</svg>\n")
	if err := out.Flush(); err != nil {
		return fmt.Errorf("cannot write the picture: %w", err)
	}
	return nil
}

const (
	ink   = "#1f2328"
	faint = "#57606a"
)

// head is what stands above the plot.
func (sh *sheet) head(w *writer) {
	wide, high := num(sh.width), num(sh.height)
	w.put(`<svg xmlns="http://www.w3.org/2000/svg" width="`, wide, `" height="`, high, `" viewBox="0 0 `, wide, " ", high,
		`" role="img" aria-labelledby="title desc" font-family="system-ui,'DejaVu Sans',Helvetica,Arial,sans-serif" font-size="`, num(textSize), `" fill="`, ink, "\">\n")
	w.put(`<title id="title">`, escape(sh.Title()), "</title>\n", `<desc id="desc">`, escape(sh.Summary()), "</desc>\n")
	w.put(`<rect width="`, wide, `" height="`, high, "\" fill=\"#fff\"/>\n")
	w.put(`<text x="`, num(margin), `" y="`, num(margin+titleSize-4), `" font-size="`, num(titleSize), `" font-weight="bold">`, escape(sh.Title()), "</text>\n")
	w.put(`<text class="summary" x="`, num(margin), `" y="`, num(margin+2*titleSize-2), `" fill="`, faint, `">`, escape(sh.Summary()), "</text>\n")
	w.put("<g class=\"legend\">\n")
	for _, k := range sh.legend {
		switch {
		case k.mark != "":
			w.put(`<path d="`, k.mark, `" transform="translate(`, num(k.x+8), " ", num(k.y), `)" fill="none" stroke="`, alarm, "\" stroke-width=\"2\"/>")
		case k.arrow:
			w.put(`<path d="M`, num(k.x), " ", num(k.y), "h9m5 0-6-2.6v5.2z", `" fill="#6b7480" stroke="#6b7480" stroke-width="1"/>`)
		default:
			high := 10.0
			if k.paint.thin {
				high = 4
			}
			w.put(`<rect x="`, num(k.x), `" y="`, num(k.y-high/2), `" width="14" height="`, num(high), `" fill="`, k.paint.fill, "\"/>")
		}
		w.put(`<text x="`, num(k.x+keyWide), `" y="`, num(k.y+4), `">`, escape(k.paint.key), "</text>\n")
	}
	w.put("</g>\n")
}

// axis is the rows' stripes, the ticks and their lines.
func (sh *sheet) axis(w *writer) {
	w.put(`<path class="stripes" fill="#f4f6f8" d="`)
	for i := 1; i < len(sh.Bars); i += 2 {
		w.put("M", num(margin/2), " ", num(sh.top+sh.row*float64(i)), "H", num(sh.width-margin/2), "v", num(sh.row), "H", num(margin/2), "z")
	}
	w.put("\"/>\n", `<g class="axis" fill="`, faint, "\" font-size=\"11\" text-anchor=\"middle\">\n", `<path fill="none" stroke="#d5dae0" d="`)
	for _, t := range sh.ticks() {
		w.put("M", num(sh.x(sh.Began.Add(t))), " ", num(sh.top-4), "V", num(sh.bottom+4))
	}
	w.put("\"/>\n")
	for _, t := range sh.ticks() {
		x := sh.x(sh.Began.Add(t))
		if !sh.budget || math.Abs(x-sh.x(sh.Deadline)) > tickApart/4 { // the line goes there
			w.put(`<text x="`, num(x), `" y="`, num(sh.top-8), `">`, sh.scale.label(t), "</text>")
		}
		w.put(`<text x="`, num(x), `" y="`, num(sh.bottom+17), `">`, sh.scale.label(t), "</text>\n")
	}
	w.put("</g>\n")
}

func (sh *sheet) ticks() (all []time.Duration) {
	for n := range sh.length/sh.scale.step + 1 {
		all = append(all, n*sh.scale.step)
	}
	return all
}

// waiting is drawn before the arrows, which run along it.
func (sh *sheet) waiting(w *writer) {
	w.put("<g class=\"waiting\">\n")
	for _, p := range sh.places {
		for _, s := range p.segments {
			if s.paint.thin {
				w.put(`<rect x="`, num(s.x), `" y="`, num(p.y-sh.bar/5), `" width="`, num(s.width), `" height="`, num(sh.bar*2/5), `" fill="`, s.paint.fill, "\"/>\n")
			}
		}
	}
	w.put("</g>\n")
}

// bars are the rungs of each guest, with all that is known of it as a tooltip.
func (sh *sheet) bars(w *writer) {
	for i, b := range sh.Bars {
		p := sh.places[i]
		w.put(`<g class="bar"><title>`, escape(b.story(sh.Began)), "</title>\n")
		for _, s := range p.segments {
			if !s.paint.thin {
				w.put(`<rect x="`, num(s.x), `" y="`, num(p.y-sh.bar/2), `" width="`, num(s.width), `" height="`, num(sh.bar), `" fill="`, s.paint.fill, "\"/>")
			}
		}
		for _, s := range p.segments {
			if s.text != "" {
				fill := ink
				if s.paint.dark {
					fill = "#fff"
				}
				w.put(`<text x="`, num(s.x+4), `" y="`, num(p.y+sh.inner()*0.36), `" font-size="`, num(sh.inner()), `" fill="`, fill, `">`, escape(s.text), "</text>")
			}
		}
		w.put("</g>\n")
	}
}

// deadline is the budget as a line over the bars, or where to look for it.
func (sh *sheet) deadline(w *writer) {
	if sh.Budget() <= 0 {
		return
	}
	text, x, anchor := "budget "+Span(sh.Budget()), sh.width-margin, "end"
	w.put("<g class=\"budget\">")
	if sh.budget {
		x = sh.x(sh.Deadline)
		w.put(`<path stroke="`, alarm, `" stroke-width="1.5" stroke-dasharray="6 3" d="M`, num(x), " ", num(sh.top-24), "V", num(sh.bottom), "\"/>")
		x -= gap
	} else {
		text += " →"
	}
	if x-width(text, textSize)*boldWider < margin {
		x, anchor = x+2*gap, "start"
	}
	w.put(`<text x="`, num(x), `" y="`, num(sh.top-24), `" fill="`, alarm, `" text-anchor="`, anchor, `" font-weight="bold">`, text, "</text></g>\n")
}

const boldWider = 1.15

// alarm marks what ought not to be; a mark or words always go with it.
const alarm = "#b3261e"

// labels are the guests' names, and at the bars' ends what became of them.
func (sh *sheet) labels(w *writer) {
	base := sh.font * 0.36
	w.put(`<g class="names" text-anchor="end" font-size="`, num(sh.font), "\">\n")
	for i, b := range sh.Bars {
		p := sh.places[i]
		w.put(`<text class="name" x="`, num(sh.left-10), `" y="`, num(p.y+base), `">`, escape(p.name))
		if p.name != b.Guest {
			w.put("<title>", escape(b.Guest), "</title>")
		}
		w.put("</text>\n")
	}
	w.put("</g>\n", `<g class="labels" font-size="`, num(sh.font), "\">\n")
	for i, b := range sh.Bars {
		p := sh.places[i]
		x, y := p.end+gap, num(p.y+base)
		fill := faint
		if sign := markOf(b.Result); sign != "" {
			scale := sh.markScale()
			fill = alarm
			w.put(`<path class="mark" d="`, sign, `" transform="translate(`, num(x+4*scale), " ", num(p.y), `) scale(`, num(scale), `)" fill="none" stroke="`, alarm, "\" stroke-width=\"2\"/>")
			x += 8*scale + gap
		}
		// A halo keeps lines that run below from going through the letters.
		w.put(`<text class="label" x="`, num(x), `" y="`, y, `" fill="`, fill, `" stroke="#fff" stroke-width="3" stroke-linejoin="round" paint-order="stroke">`, escape(p.label), "</text>\n")
	}
	w.put("</g>\n")
}
