package plot

import (
	"fmt"
	"strings"

	"github.com/guestrc/guestrc/history"
)

// Title names the occasion and when it began.
func (s Scene) Title() string {
	name := map[string]string{
		history.HostShutdown: "Shutdown of the host",
		history.StopAll:      "Stop of all guests",
		history.StartAll:     "Start of all guests",
		Boot:                 "Boot of the host",
	}[s.What]
	return name + ", " + clock(s.Began)
}

// Summary is the totals in one line: "20 guests in 24.0 s of a budget of 90 s:
// 18 down, 2 killed".
func (s Scene) Summary() string {
	guests := "1 guest"
	if len(s.Bars) != 1 {
		guests = fmt.Sprintf("%d guests", len(s.Bars))
	}
	text := guests + " in " + Span(s.Took())
	if b := s.Budget(); b > 0 {
		text += " of a budget of " + Span(b)
		if s.Battery {
			text += ", on battery"
		}
	}
	var parts []string
	for _, r := range []Result{Ready, Down, Forced, Killed, Died, Interrupted, Unready, Running, Failed} {
		if n := s.Count(r); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, r.words()))
		}
	}
	text += ": " + strings.Join(parts, ", ")
	if s.What == Boot && s.Uptime > 0 {
		text += "; the first start came " + Span(s.Uptime) + " after the kernel's"
	}
	return text
}

// words are those of the summary and the legend.
func (r Result) words() string {
	switch r {
	case Forced:
		return "forced down"
	case Running:
		return "still running"
	case Unready:
		return "not ready in time"
	}
	return string(r)
}
