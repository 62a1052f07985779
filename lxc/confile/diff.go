package confile

import (
	"fmt"
	"strings"
)

// around is how many lines a diff shows before and after what changes.
const around = 3

// Diff shows the change in the unified form that patch(1) takes. Each new line
// follows the old one that it stands for.
func (c Change) Diff() string {
	var out strings.Builder
	out.WriteString("--- " + c.Path + "\n+++ " + c.Path + "\n")
	lines := strings.SplitAfter(string(c.Old), "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	gone := 0 // lines deleted by the hunks before
	for changes := c.Lines; len(changes) > 0; {
		n := 1
		for n < len(changes) && changes[n].Line-changes[n-1].Line <= 2*around {
			n++
		}
		gone += hunk(&out, lines, changes[:n], gone)
		changes = changes[n:]
	}
	return out.String()
}

// hunk shows changes that are near to each other, and returns how many lines
// they delete.
func hunk(out *strings.Builder, lines []string, changes []LineChange, gone int) (deleted int) {
	start := max(0, changes[0].Line-1-around)
	end := min(len(lines), changes[len(changes)-1].Line+around)
	var body strings.Builder
	for i := start; i < end; i++ {
		if len(changes) == 0 || changes[0].Line-1 != i {
			show(&body, " ", lines[i])
			continue
		}
		show(&body, "-", lines[i])
		if changes[0].Deleted {
			deleted++
		} else {
			show(&body, "+", changes[0].New+lines[i][len(changes[0].Old):])
		}
		changes = changes[1:]
	}
	fmt.Fprintf(out, "@@ -%s +%s @@\n%s", extent(start, end-start), extent(start-gone, end-start-deleted), body.String())
	return deleted
}

// extent is a range of lines; an empty one is named by the line before it.
func extent(start, count int) string {
	if count > 0 {
		start++
	}
	return fmt.Sprintf("%d,%d", start, count)
}

func show(out *strings.Builder, mark, line string) {
	out.WriteString(mark + line)
	if !strings.HasSuffix(line, "\n") {
		out.WriteString("\n\\ No newline at end of file\n")
	}
}
