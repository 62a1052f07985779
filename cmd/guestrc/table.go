package main

import (
	"slices"
	"strings"
	"unicode/utf8"
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
		widths[i] = len(c.title)
		empty := len(rows) > 0
		for _, row := range rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
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
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if c.right {
			cell = pad + cell
		} else {
			cell += pad
		}
		parts = append(parts, cell)
	}
	return strings.TrimRight(strings.Join(parts, strings.Repeat(" ", gap)), " ")
}

// shorten cuts text to at most n characters.
func shorten(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	runes := []rune(text)
	return string(runes[:max(0, n-1)]) + ellipsis
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
