package confd

import "mvdan.cc/sh/v3/syntax"

// statement is what one shell command does to the environment.
type statement struct {
	assigns []assign
	// atOnce: every value is expanded before the first is assigned, which is
	// how the operands of export are treated.
	atOnce bool
}

// assign sets one variable.
type assign struct {
	name   string
	pos    Pos
	value  word
	when   condition
	export bool
	array  bool // the elements of one, joined by newlines
}

// condition says when an assignment takes place.
type condition int

const (
	always  condition = iota
	ifUnset           // ${NAME=word}
	ifEmpty           // ${NAME:=word}
	never             // export NAME: only the mark
)

// word is text and references in turn; quotes are gone.
type word []part

// part is a text, or a reference.
type part struct {
	text string
	ref  *reference
}

// reference is $NAME or ${NAME…}.
type reference struct {
	name string
	pos  Pos
	op   syntax.ParExpOperator // zero: none
	arg  word                  // of :- - :+ + := =
	cut  pattern               // of # ## % %%
}

// names calls f with every variable that w refers to, evaluated or not.
func (w word) names(f func(string)) {
	for _, p := range w {
		if p.ref != nil {
			f(p.ref.name)
			p.ref.arg.names(f)
		}
	}
}
