package main

import (
	"slices"
	"strings"
	"unicode"
)

// column is one of a table.
type column struct {
	title string
	right bool // its cells are numbers
	least int  // to which width its cells may be cut on a narrow terminal; 0: never
	spare int  // on a terminal that is narrower still, columns go, the highest first; 0: never
}

// ellipsis marks a cell that was cut.
const ellipsis = "…"

// layOut gives the lines of a table, its titles first. Cells come cleaned. With
// a width, that of a terminal, nothing is wider: columns in which nothing stands
// are left out, cells are cut, and columns go. Without one all of it is there.
func layOut(columns []column, rows [][]string, width int) []string {
	widths := make([]int, len(columns))
	for i, c := range columns {
		widths[i] = cellsOf(c.title)
		empty := len(rows) > 0
		for _, row := range rows {
			widths[i] = max(widths[i], cellsOf(row[i]))
			empty = empty && (row[i] == "" || row[i] == "-")
		}
		if width > 0 && empty && c.spare > 0 {
			widths[i] = 0
		}
	}
	if width > 0 {
		squeeze(columns, widths, width)
	}
	titles := make([]string, len(columns))
	for i, c := range columns {
		titles[i] = c.title
	}
	lines := []string{inColumns(columns, widths, titles)}
	for _, row := range rows {
		lines = append(lines, inColumns(columns, widths, row))
	}
	return lines
}

const gap = 2 // between columns

// squeeze makes columns narrower, the last one first. Where that does not do, a
// column is dropped (width 0), and the others have their width again.
func squeeze(columns []column, widths []int, width int) {
	for {
		narrow := slices.Clone(widths)
		over := -gap - width
		for _, w := range widths {
			if w > 0 {
				over += w + gap
			}
		}
		for i := len(columns) - 1; i >= 0 && over > 0; i-- {
			if least := columns[i].least; least > 0 && widths[i] > least {
				narrow[i] = max(least, widths[i]-over)
				over -= widths[i] - narrow[i]
			}
		}
		last := -1
		for i, c := range columns {
			if widths[i] > 0 && c.spare > 0 && (last < 0 || c.spare > columns[last].spare) {
				last = i
			}
		}
		if over <= 0 || last < 0 {
			copy(widths, narrow)
			return
		}
		widths[last] = 0
	}
}

func inColumns(columns []column, widths []int, cells []string) string {
	var parts []string
	for i, c := range columns {
		if widths[i] == 0 {
			continue
		}
		cell := shorten(cells[i], widths[i])
		pad := strings.Repeat(" ", max(0, widths[i]-cellsOf(cell)))
		if c.right {
			cell = pad + cell
		} else {
			cell += pad
		}
		parts = append(parts, cell)
	}
	return strings.TrimRight(strings.Join(parts, strings.Repeat(" ", gap)), " ")
}

// shorten cuts text to at most n cells of a terminal.
func shorten(text string, n int) string {
	if cellsOf(text) <= n {
		return text
	}
	room := n - cellsOf(ellipsis)
	for i, r := range text {
		if room -= cells(r); room < 0 {
			return text[:i] + ellipsis
		}
	}
	return text
}

func cellsOf(text string) (n int) {
	for _, r := range text {
		n += cells(r)
	}
	return n
}

// cells is how many of a terminal's a character takes: two for those that UAX
// #11 calls wide, and none for a mark on the one before.
func cells(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3, r >= 0xf900 && r <= 0xfaff,
		r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60, r >= 0xffe0 && r <= 0xffe6, r >= 0x1f300 && r <= 0x1faff, r >= 0x20000 && r <= 0x3fffd:
		return 2
	}
	return 1
}

// naturally compares names as people count: a2 before a10.
func naturally(a, b string) int {
	for a != "" && b != "" {
		one, two := digits(a), digits(b)
		if one == "" || two == "" {
			if a[0] != b[0] {
				return strings.Compare(a, b)
			}
			a, b = a[1:], b[1:]
			continue
		}
		left, right := strings.TrimLeft(one, "0"), strings.TrimLeft(two, "0")
		if len(left) != len(right) {
			return len(left) - len(right)
		}
		if c := strings.Compare(left, right); c != 0 {
			return c
		}
		if len(one) != len(two) {
			return len(two) - len(one)
		}
		a, b = a[len(one):], b[len(two):]
	}
	return strings.Compare(a, b)
}

// digits are those that text begins with.
func digits(text string) string {
	return text[:len(text)-len(strings.TrimLeft(text, "0123456789"))]
}
