package confd

import (
	"bytes"
	"unicode/utf8"
)

// checkBytes refuses bytes that the parser drops in silence and shells keep
// (NUL, CR), that turn the first line into a command (a byte order mark), or
// that shells use as marks of their own (control characters).
func checkBytes(name string, src []byte) *Error {
	if len(src) > maxFile {
		return Errorf(Pos{File: name}, "cannot use the file: it has more than %d bytes", maxFile)
	}
	if bytes.HasPrefix(src, []byte("\ufeff")) {
		return &Error{Pos: Pos{name, 1, 1}, Msg: "the file begins with a byte order mark, which a shell takes for part of the first word",
			Hint: "save it as UTF-8 without a byte order mark: sed -i '1s/^\\xef\\xbb\\xbf//' " + name}
	}
	for i := 0; i < len(src); {
		c := src[i]
		if c >= ' ' && c < 0x7f || c == '\n' || c == '\t' {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRune(src[i:])
			if r == utf8.RuneError && n == 1 {
				return &Error{Pos: place(name, src, i), Msg: "the text is not UTF-8", Hint: "convert it: iconv -t UTF-8"}
			}
			i += n
			continue
		}
		e := Errorf(place(name, src, i), "the control character 0x%02x is not allowed here", c)
		switch c {
		case 0:
			e.Msg = "a NUL byte, which shells do not agree on"
		case '\r':
			e.Msg = "a carriage return, which a shell takes for part of the value"
			e.Hint = "convert the line ends: sed -i 's/\\r$//' " + name
		}
		return e
	}
	return nil
}

// place finds line and column of an offset.
func place(name string, src []byte, offset int) Pos {
	before := src[:offset]
	return Pos{
		File: name,
		Line: 1 + bytes.Count(before, []byte("\n")),
		Col:  offset - bytes.LastIndexByte(before, '\n'),
	}
}
