package lint

import (
	"bytes"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// Provides are the names that a script's depend() gives itself besides its own,
// as far as they are plain text.
func Provides(src []byte) (names []string) {
	if len(src) > MaxSize || nested(src) >= 0 || !bytes.Contains(src, []byte("provide")) {
		return nil
	}
	s := &script{src: src, kind: Script}
	defer func() { // of the parser
		if recover() != nil {
			names = nil
		}
	}()
	tree, err := s.parsed(syntax.LangBash)
	if err != nil {
		return nil
	}
	s.tree = tree
	s.index()
	if s.funcs["depend"] == nil {
		return nil
	}
	for _, c := range s.funcs["depend"].calls {
		if c.name != "provide" {
			continue
		}
		for _, w := range c.args {
			if text := s.expand(w); !strings.Contains(text, Hole) {
				names = append(names, strings.Fields(text)...)
			}
		}
	}
	return names
}
