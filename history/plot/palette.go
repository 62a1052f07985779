package plot

import (
	"slices"
	"strings"
)

// paint is how a segment looks.
type paint struct {
	key  string // what the legend calls it
	fill string
	dark bool // white text goes on it
	thin bool // lower than a rung
}

// The colours of rungs are those of Okabe and Ito, "Color Universal Design"
// (2008), which all kinds of colour vision tell apart.
func paintOf(what string) paint {
	switch what {
	case Waiting:
		return paint{"waiting for others", "#c9ced6", false, true}
	case Preparing:
		return paint{"not asked yet", "#a3abb8", false, true}
	case Gone:
		return paint{"had ended", "#8c8c8c", true, false}
	case Starting:
		return paint{"until its process ran", "#e69f00", false, false}
	case Readying:
		return paint{"until it was ready", "#0072b2", true, false}
	case "agent":
		return paint{what, "#0072b2", true, false}
	case "acpi":
		return paint{what, "#56b4e9", false, false}
	case "halt":
		return paint{what, "#009e73", true, false}
	case "ssh":
		return paint{what, "#cc79a7", false, false}
	case "exec":
		return paint{what, "#f0e442", false, false}
	case "quit":
		return paint{what, "#d55e00", true, false}
	case "KILL":
		return paint{what, "#1a1a1a", true, false}
	case "forever":
		return paint{what, "#8c8c8c", true, false}
	}
	if strings.ToUpper(what) == what {
		return paint{what, "#e69f00", false, false} // a signal
	}
	return paint{what, "#7a7a7a", true, false}
}

// legendOrder is that of the legend; what is not in it comes between.
func legendOrder(what string) int {
	order := []string{"agent", "acpi", "halt", "ssh", "exec", "", "quit", "KILL", "forever", Starting, Readying, Gone, Preparing, Waiting}
	if i := slices.Index(order, what); i >= 0 {
		return i
	}
	return slices.Index(order, "")
}

// markOf is the sign at the end of a bar whose guest did not go well: an SVG path
// around 0,0, 8 high and wide; empty where all went well.
func markOf(r Result) string {
	switch r {
	case Killed, Forced, Died:
		return "M-3.5-3.5 3.5 3.5M-3.5 3.5 3.5-3.5"
	case Running, Unready:
		return "M-3-4 3 0-3 4"
	case Interrupted:
		return "M-2-4V4M2-4V4"
	case Failed:
		return "M0-4V1M0 2.5V4.5"
	}
	return ""
}
