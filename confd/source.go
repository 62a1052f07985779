package confd

import (
	"bytes"
	"sort"

	"mvdan.cc/sh/v3/syntax"
)

// source is the text of one file. The parser's tree leaves out joined lines
// ("\" before a newline), so that what decides on meaning looks here.
type source struct {
	name    string
	text    []byte
	foreign bool  // not ours: arrays are understood, and other things are skipped
	starts  []int // of the lines; made when first asked for
}

// pos places a node. The parser keeps 14 bits of a column and gives 0 beyond.
func (s *source) pos(p syntax.Pos) Pos {
	if p.Line() == 0 || p.Col() == 0 {
		return s.place(min(int(p.Offset()), len(s.text)))
	}
	return Pos{s.name, int(p.Line()), int(p.Col())}
}

// place is like the function of that name, which reads all that is before: a
// line of 64 KiB may have thousands of places.
func (s *source) place(offset int) Pos {
	if s.starts == nil {
		s.starts = []int{0}
		for i, c := range s.text {
			if c == '\n' {
				s.starts = append(s.starts, i+1)
			}
		}
	}
	line := sort.SearchInts(s.starts, offset+1) // how many begin before or here
	return Pos{s.name, line, offset - s.starts[line-1] + 1}
}

// within places byte i of a literal. Where joined lines have moved the bytes
// it gives the literal's beginning.
func (s *source) within(lit *syntax.Lit, i int) Pos {
	start := int(lit.ValuePos.Offset())
	if !s.has(start, lit.Value) {
		return s.pos(lit.ValuePos)
	}
	return s.place(start + i)
}

// has reports whether the text at offset is want, byte by byte.
func (s *source) has(offset int, want string) bool {
	return offset <= len(s.text) && bytes.HasPrefix(s.text[offset:], []byte(want))
}

// after returns the byte that follows offset, 0 at the end.
func (s *source) after(offset int) byte {
	if offset+1 < len(s.text) {
		return s.text[offset+1]
	}
	return 0
}

// blankBackslashes replaces the backslash that ends a comment by a space, and
// reports whether there was one.
func (s *source) blankBackslashes(tree *syntax.File) (found bool) {
	blank := func(comments ...syntax.Comment) {
		for _, c := range comments {
			start := int(c.Hash.Offset())
			end := bytes.IndexByte(s.text[start:], '\n')
			if end < 1 || s.text[start+end-1] != '\\' {
				continue
			}
			if !found {
				s.text = bytes.Clone(s.text) // it is the caller's
			}
			found = true
			s.text[start+end-1] = ' '
		}
	}
	for _, st := range tree.Stmts {
		blank(st.Comments...)
	}
	blank(tree.Last...)
	if s.foreign { // what is skipped has comments too
		syntax.Walk(tree, func(n syntax.Node) bool {
			if c, ok := n.(*syntax.Comment); ok {
				blank(*c)
			}
			return true
		})
	}
	return found
}
