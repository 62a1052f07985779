package confd

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// sampleWidth keeps the sample readable on a console.
const sampleWidth = 79

// Sample writes a conf.d file in which every variable of the table stands
// commented out, with its default and its help, under the headings of the
// groups. Without the comment signs the file is one that [Parse] and
// [Table.Check] accept. intro comes first, one paragraph to a line.
func (t Table) Sample(w io.Writer, intro string) error {
	var b bytes.Buffer
	for line := range strings.SplitSeq(strings.TrimSpace(intro), "\n") {
		comment(&b, line)
	}
	group := ""
	for _, v := range t {
		if v.Group != group {
			group = v.Group
			rule := "---- " + group + " "
			fmt.Fprintf(&b, "\n# %s%s\n", rule, strings.Repeat("-", max(0, sampleWidth-2-utf8.RuneCountInString(rule))))
		}
		b.WriteByte('\n')
		if v.wildcard() {
			comment(&b, v.at("0")+": "+v.meaning())
			continue
		}
		comment(&b, v.meaning())
		fmt.Fprintf(&b, "#%s=%s\n", v.at("0"), v.written())
	}
	_, err := w.Write(b.Bytes())
	return err
}

// List writes the table for people: name, type, default and meaning, the
// meaning wrapped so that no line is longer than width (0: never).
func (t Table) List(w io.Writer, width int) error {
	rows := [][3]string{{"NAME", "TYPE", "DEFAULT"}}
	meanings := []string{"MEANING"}
	for _, v := range t {
		rows = append(rows, [3]string{v.Name, string(v.Type), v.Default})
		meanings = append(meanings, v.meaning())
	}
	var columns [3]int
	for _, row := range rows {
		for i, cell := range row {
			columns[i] = max(columns[i], utf8.RuneCountInString(cell))
		}
	}
	indent := columns[0] + columns[1] + columns[2] + 6
	var b bytes.Buffer
	for i, row := range rows {
		fmt.Fprintf(&b, "%-*s  %-*s  %-*s  ", columns[0], row[0], columns[1], row[1], columns[2], row[2])
		// Less than 24 columns for the meaning are worse than a long line.
		lines := []string{meanings[i]}
		if width >= indent+24 {
			lines = wrap(meanings[i], width-indent)
		}
		b.WriteString(strings.Join(lines, "\n"+strings.Repeat(" ", indent)))
		b.WriteByte('\n')
	}
	_, err := w.Write(b.Bytes())
	return err
}

// meaning is the help with the words of a choice.
func (v Var) meaning() string {
	if v.Type == Enum && len(v.Choices) > 0 {
		return strings.TrimSpace(v.Help + " One of " + v.choices() + ".")
	}
	return v.Help
}

// written is the default between quotes, as OpenRC's own files have it. A
// default that refers to another variable needs double quotes.
func (v Var) written() string {
	if strings.ContainsAny(v.Default, "\"\\`") {
		return "'" + strings.ReplaceAll(v.Default, "'", `'\''`) + "'"
	}
	return `"` + v.Default + `"`
}

func comment(b *bytes.Buffer, text string) {
	for _, line := range wrap(text, sampleWidth-2) {
		b.WriteString(strings.TrimRight("# "+line, " "))
		b.WriteByte('\n')
	}
}

// wrap breaks text at blanks into lines of at most width characters; a longer
// word has a line to itself.
func wrap(text string, width int) []string {
	lines := []string{""}
	for word := range strings.FieldsSeq(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case utf8.RuneCountInString(*last)+1+utf8.RuneCountInString(word) <= width:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}
