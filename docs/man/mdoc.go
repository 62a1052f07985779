package main

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/guestrc/guestrc/confd"
)

// variables writes the table as mdoc(7): a subsection for each group, a tagged
// list in each.
func variables(table confd.Table) []byte {
	var b bytes.Buffer
	group := ""
	for _, v := range table {
		if v.Group != group {
			if group != "" {
				b.WriteString(".El\n")
			}
			group = v.Group
			fmt.Fprintf(&b, ".Ss %s\n.Bl -tag -width Ds\n", group)
		}
		fmt.Fprintf(&b, ".It Va %s Ns = Ns %s\n", v.Name, value(v))
		for _, line := range lines(v.Help) {
			b.WriteString(text(line) + "\n")
		}
		if v.Default != "" {
			fmt.Fprintf(&b, "Default:\n.Ql %s .\n", argument(v.Default))
		}
	}
	if group != "" {
		b.WriteString(".El\n")
	}
	return b.Bytes()
}

// value says what may stand after the equals sign.
func value(v confd.Var) string {
	if v.Type != confd.Enum {
		return "Ar " + string(v.Type)
	}
	var words []string
	for _, choice := range v.Choices {
		word := "Cm " + argument(choice)
		if strings.HasSuffix(choice, ":") { // takes text after it
			word += " Ns Ar text"
		}
		words = append(words, word)
	}
	return strings.Join(words, " | ")
}

// lineWidth is how wide the page's source is.
const lineWidth = 78

// lines breaks help into lines, each sentence on lines of its own, as mdoc
// wants it.
func lines(help string) []string {
	var found []string
	line := ""
	for word := range strings.FieldsSeq(help) {
		if line != "" && len(line)+1+len(word) > lineWidth {
			found = append(found, line)
			line = ""
		}
		line = strings.TrimSpace(line + " " + word)
		if strings.HasSuffix(word, ".") {
			found = append(found, line)
			line = ""
		}
	}
	if line != "" {
		found = append(found, line)
	}
	return found
}

// option is an option of a program, whose hyphen must be one that can be
// copied to a command line.
var option = regexp.MustCompile(`(^|[ =(])-([A-Za-z-])`)

// text escapes what roff would not take for text.
func text(s string) string {
	s = strings.TrimSpace(s)
	s = strings.ReplaceAll(s, `\`, `\e`)
	s = strings.ReplaceAll(s, "…", "...")
	s = option.ReplaceAllString(s, `$1\-$2`)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}

// argument escapes s as one argument of a macro that is not itself a macro.
func argument(s string) string {
	return `"\&` + strings.ReplaceAll(text(s), `"`, `\(dq`) + `"`
}
