package plot

import (
	"math"
	"time"
)

// Measures of the sheet, in pixels.
const (
	sheetWidth = 1200
	margin     = 24.0
	nameMost   = 300.0
	plotLeast  = 420.0
	gap        = 6.0 // between a bar, its mark and its label
	titleSize  = 18.0
	textSize   = 12.0
	tickApart  = 84.0
	halfTick   = 8.0 // of the last tick's label, beyond the margin
	leastWide  = 2.0 // of a segment, however short it was
)

// farBudget is how many times as long as all took a budget may be to be on the
// axis; with a longer one, bars would be slivers.
const farBudget = 4

// sheet is a scene with the places of everything.
type sheet struct {
	Scene
	width, height float64
	left, right   float64 // of the plot
	top, bottom   float64
	row, bar      float64 // heights
	font          float64
	length        time.Duration // of the axis
	budget        bool          // is on the axis
	scale         scale
	places        []place
	at            map[string]int // rows by guest
	legend        []key
}

// place is where a bar is.
type place struct {
	y        float64 // of its middle
	begin    float64 // x at which it was its turn
	end      float64
	segments []stretch
	name     string
	label    string
}

// stretch is where a segment is.
type stretch struct {
	x, width float64
	paint    paint
	text     string // within it, if there is room
}

// newSheet finds a place for everything.
func newSheet(s Scene) *sheet {
	sh := &sheet{Scene: s, at: map[string]int{}, places: make([]place, len(s.Bars))}
	sh.row = rowHeight(len(s.Bars))
	sh.bar, sh.font = math.Round(sh.row*6.5)/10, min(textSize, math.Round(sh.row*7.4)/10)
	sh.length = max(s.Took(), 10*time.Millisecond)
	if b := s.Budget(); b > 0 && b/farBudget <= s.Took() {
		sh.length, sh.budget = max(sh.length, b), true
	}
	sh.columns()
	sh.scale = ticks(sh.length, int((sh.right-sh.left)/tickApart))
	legendRows := sh.placeLegend()
	sh.top = margin + 2*titleSize + 18 + 20*float64(legendRows) + 24
	if sh.Budget() > 0 {
		sh.top += 18
	}
	sh.bottom = sh.top + sh.row*float64(len(s.Bars)) + 4
	sh.height = sh.bottom + 28
	for i := range sh.Bars {
		sh.placeBar(i)
	}
	return sh
}

// rowHeight lets 30 guests fill a screen, and 1,000 be 9,000 pixels.
func rowHeight(n int) float64 {
	switch {
	case n <= 30:
		return 24
	case n <= 60:
		return 20
	case n <= 150:
		return 16
	case n <= 400:
		return 12
	}
	return 9
}

// columns makes the plot as wide as labels at the ends of bars let it be, and
// the sheet wider where that is too little.
func (sh *sheet) columns() {
	names := width("guest", sh.font)
	for i, b := range sh.Bars {
		p := &sh.places[i]
		sh.at[b.Guest] = i
		p.name, p.label = fit(b.Guest, sh.font, nameMost), clip(b.label(), 60)
		names = max(names, width(p.name, sh.font))
	}
	sh.left = math.Ceil(margin + names + 10)
	sh.width = max(sheetWidth, math.Ceil(width(sh.Summary(), textSize)+2*margin))
	room := sh.width - margin - halfTick - sh.left
	wide := room
	for i, b := range sh.Bars {
		needed := sh.markWidth(b.Result) + gap + width(sh.places[i].label, sh.font)
		end := float64(b.End.Sub(sh.Began)) / float64(sh.length)
		if end > 0 {
			wide = min(wide, (room-needed)/end)
		}
	}
	if wide < plotLeast { // every bar has the sheet's end in sight then
		for _, p := range sh.places {
			sh.width = max(sh.width, sh.left+plotLeast+4*gap+width(p.label, sh.font)+margin)
		}
		wide = plotLeast
	}
	sh.right = sh.left + math.Floor(min(wide, room))
}

func (sh *sheet) markWidth(r Result) float64 {
	if markOf(r) != "" {
		return 8*sh.markScale() + gap
	}
	return 0
}

func (sh *sheet) markScale() float64 { return min(1, sh.bar/10) }
