package confd

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// environment is the variables as the statements run so far have left them.
type environment struct {
	vars     map[string]*variable
	order    int // of the next assignment
	set      int // names set by files
	expanded int // bytes of all values

	// uncertain are the variables that a foreign file has set in a way that
	// cannot be read; nil where there is no such file.
	uncertain map[string]doubt
}

type variable struct {
	Value
	isSet bool
	order int
}

func newEnvironment(preset map[string]string) *environment {
	e := &environment{vars: make(map[string]*variable, len(preset)+32)}
	for name, text := range preset {
		e.vars[name] = &variable{Value: Value{Name: name, Text: text}, isSet: true}
	}
	return e
}

// variable returns the entry of name, made when there is none: a reference or
// an export may come before the assignment.
func (e *environment) variable(name string) *variable {
	v, ok := e.vars[name]
	if !ok {
		v = &variable{Value: Value{Name: name}}
		e.vars[name] = v
	}
	return v
}

func (e *environment) lookup(name string) (text string, ok bool) {
	if v := e.vars[name]; v != nil && v.isSet {
		return v.Text, true
	}
	return "", false
}

// run carries out one statement.
func (e *environment) run(st statement) *Error {
	size := 1
	if st.atOnce {
		size = len(st.assigns)
	}
	for batch := range slices.Chunk(st.assigns, size) {
		if err := e.runTogether(batch); err != nil {
			return err
		}
	}
	return nil
}

// runTogether expands every value before it assigns the first.
func (e *environment) runTogether(batch []assign) *Error {
	texts := make([]string, len(batch))
	for i, a := range batch {
		var err *Error
		if texts[i], err = e.value(a); err != nil {
			return err
		}
	}
	for i, a := range batch {
		if err := e.assign(a, texts[i]); err != nil {
			return err
		}
	}
	return nil
}

// effective reports whether a takes place now.
func (e *environment) effective(a assign) bool {
	text, ok := e.lookup(a.name)
	switch a.when {
	case ifUnset:
		return !ok
	case ifEmpty:
		return text == ""
	case never:
		return false
	}
	return true
}

// value expands what a assigns, and marks what it refers to as used.
func (e *environment) value(a assign) (string, *Error) {
	a.value.names(func(name string) {
		if name != a.name {
			e.variable(name).Used = true
		}
	})
	if !e.effective(a) {
		return "", nil
	}
	if len(a.value) == 1 && a.value[0].ref == nil && len(a.value[0].text) <= maxValue {
		return a.value[0].text, nil
	}
	text, err := e.expand(nil, a.value, a.pos)
	return string(text), err
}

func (e *environment) assign(a assign, text string) *Error {
	v := e.variable(a.name)
	v.Exported = v.Exported || a.export
	if !e.effective(a) {
		return nil
	}
	if v.Pos.Line == 0 {
		if e.set++; e.set > maxVars {
			return Errorf(a.pos, "more than %d variables", maxVars)
		}
	}
	if e.expanded += len(text); e.expanded > maxExpanded {
		return Errorf(a.pos, "the values have more than %d bytes in all", maxExpanded)
	}
	if e.uncertain != nil {
		delete(e.uncertain, a.name)
		if a.array {
			e.uncertain[a.name] = doubt{array: true}
		}
	}
	e.order++
	v.Text, v.Pos, v.isSet, v.order = text, a.pos, true, e.order
	return nil
}

// expand appends the text of w to dst. It stops at the first byte too many,
// so that a=$a$a$a… costs no more than the value that it may have.
func (e *environment) expand(dst []byte, w word, pos Pos) ([]byte, *Error) {
	for _, p := range w {
		if p.ref == nil {
			dst = append(dst, p.text...)
		} else {
			var err *Error
			if dst, err = e.substitute(dst, p.ref, pos); err != nil {
				return nil, err
			}
		}
		if len(dst) > maxValue {
			return nil, Errorf(pos, "the value has more than %d bytes", maxValue)
		}
	}
	return dst, nil
}

// substitute appends what r stands for.
func (e *environment) substitute(dst []byte, r *reference, pos Pos) ([]byte, *Error) {
	text, ok := e.lookup(r.name)
	if !ok && foreign(r.name) {
		return nil, &Error{Pos: r.pos, Msg: r.name + " cannot be read here: what it holds depends on who runs guestrc",
			Hint: "write the value itself"}
	}
	switch r.op {
	case syntax.DefaultUnset:
		if !ok {
			return e.expand(dst, r.arg, pos)
		}
	case syntax.DefaultUnsetOrNull:
		if text == "" {
			return e.expand(dst, r.arg, pos)
		}
	case syntax.AlternateUnset:
		if !ok {
			return dst, nil
		}
		return e.expand(dst, r.arg, pos)
	case syntax.AlternateUnsetOrNull:
		if text == "" {
			return dst, nil
		}
		return e.expand(dst, r.arg, pos)
	case syntax.RemSmallPrefix, syntax.RemLargePrefix, syntax.RemSmallSuffix, syntax.RemLargeSuffix:
		text = r.cut.remove(text, r.op)
	}
	return append(dst, text...), nil
}

// values lists what is set, in the order of the last assignments.
func (e *environment) values() []Value {
	vars := make([]*variable, 0, len(e.vars))
	for _, v := range e.vars {
		if v.isSet {
			vars = append(vars, v)
		}
	}
	slices.SortFunc(vars, func(a, b *variable) int {
		if a.order != b.order {
			return a.order - b.order
		}
		return strings.Compare(a.Name, b.Name)
	})
	values := make([]Value, len(vars))
	for i, v := range vars {
		values[i] = v.Value
	}
	return values
}
