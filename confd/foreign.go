package confd

import (
	"errors"
	"io/fs"

	"mvdan.cc/sh/v3/syntax"
)

// Foreign is what a file says that is another program's and that a shell runs,
// so far as it can be read without one.
type Foreign struct {
	*Config
	Skipped   []Skipped  // in the order of the file
	Functions []Function // that the file defines

	uncertain map[string]doubt
}

// The bounds of what is kept of a file that is hardly readable at all, and of
// what its parser is given: it needs some 3 KB for each parenthesis in another.
const (
	maxSkipped = 256
	maxSets    = 1 << 14 // variables that they may set, for each anew
	maxParens  = 1 << 10 // open at once, by the look of it
)

// Function is one that a shell would define, and that is not looked into.
type Function struct {
	Name string
	Pos  Pos
}

// Skipped is a statement that was passed over.
type Skipped struct {
	Why  *Error   // what cannot be read, and where; the hint says what to write instead
	Sets []string // the variables that it may set
	// Anything says that what it sets cannot be known: it reads another file,
	// or leaves this one.
	Anything bool
}

// Unread returns why the value of a variable is not known: a statement that
// was skipped may have set it last. Get may give an earlier value then.
func (f *Foreign) Unread(name string) (why *Error, ok bool) {
	d, ok := f.uncertain[name]
	return d.why, ok && !d.array
}

// doubt is why a variable cannot be referred to.
type doubt struct {
	why   *Error
	array bool // its value is known, but bash takes $NAME for the first element
}

// LoadForeign reads a file of another program's, such as netifrc's
// /etc/conf.d/net, and then one of ours, in one environment, as OpenRC does
// for a service of the name net.NAME. Of the first, what cannot be read is
// skipped, and functions are; an array is the text of its elements, one to a
// line. Ours is read as by [Load]. Either may be absent: Files tells. A file
// that no shell could read is an error, and so is one that [Load] would not
// trust.
func LoadForeign(foreign, ours string) (*Foreign, error) {
	r := newReader(nil)
	for _, name := range []string{foreign, ours} {
		src, err := readFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && name == foreign {
			err = r.readForeign(name, src)
		} else if err == nil {
			err = r.read(name, src)
		}
		if err != nil {
			return nil, err
		}
	}
	return r.foreign(), nil
}

// ParseForeign is LoadForeign of texts at hand; the names are for positions
// only and must differ.
func ParseForeign(foreign string, src []byte, ours string, own []byte) (*Foreign, error) {
	r := newReader(nil)
	if err := r.readForeign(foreign, src); err != nil {
		return nil, err
	}
	if err := r.read(ours, own); err != nil {
		return nil, err
	}
	return r.foreign(), nil
}

func (r *reader) foreign() *Foreign {
	return &Foreign{Config: r.config(), Skipped: r.skipped, Functions: r.functions, uncertain: r.env.uncertain}
}

// readForeign takes in a file statement by statement. One that is POSIX shell
// is read as such, so that it means here what it means to read; bash's grammar
// serves for the others.
func (r *reader) readForeign(name string, src []byte) (err error) {
	s := &source{name: name, text: src, foreign: true}
	defer caught(name, &err)
	if e := checkBytes(name, src); e != nil {
		return e
	}
	if e := checkParens(s); e != nil {
		return e
	}
	tree, err := s.parse(r.parser)
	if err != nil {
		r.parser = syntax.NewParser(syntax.Variant(syntax.LangBash), syntax.KeepComments(true))
		tree, err = s.parse(r.parser)
		r.parser = newParser()
	}
	if err != nil {
		return err
	}
	known := functionsOf(tree)
	for _, f := range known.list {
		r.functions = append(r.functions, Function{f.Name.Value, s.pos(f.Pos())})
	}
	r.env.uncertain = map[string]doubt{}
	for _, st := range tree.Stmts {
		if err := r.statement(s, st, known); err != nil {
			return err
		}
	}
	r.files = append(r.files, name)
	return nil
}

// checkParens counts those of comments and quoted texts too.
func checkParens(s *source) *Error {
	open := 0
	for i, c := range s.text {
		switch c {
		case '(':
			open++
		case ')':
			open = max(open-1, 0) // that of a pattern of case has no other
		}
		if open > maxParens {
			return Errorf(s.place(i), "more than %d parentheses in one another", maxParens)
		}
	}
	return nil
}

// statement carries out one statement, or skips it. An error is one of the
// bounds, which end the reading.
func (r *reader) statement(s *source, st *syntax.Stmt, known *functions) error {
	if _, ok := st.Cmd.(*syntax.FuncDecl); ok {
		return nil
	}
	do, why := s.statement(st)
	if why == nil {
		why = r.env.doubts(do)
	}
	if why == nil {
		if err := r.env.run(do); err != nil {
			return err
		}
		return nil
	}
	if len(r.skipped) == maxSkipped {
		return Errorf(why.Pos, "more than %d statements that cannot be read here", maxSkipped)
	}
	sets, anything := known.effects(st)
	total := len(sets)
	for _, earlier := range r.skipped {
		total += len(earlier.Sets)
	}
	if total > maxSets {
		return Errorf(why.Pos, "statements that cannot be read here may set more than %d variables", maxSets)
	}
	for _, name := range sets {
		r.env.uncertain[name] = doubt{why: why}
	}
	r.skipped = append(r.skipped, Skipped{Why: why, Sets: sets, Anything: anything})
	return nil
}

// doubts says why the values that a statement refers to are not known.
func (e *environment) doubts(st statement) (why *Error) {
	refuse := func(a assign, what string) {
		if why == nil {
			why = &Error{Pos: a.pos, Msg: a.name + " depends on " + what, Hint: "write the value itself"}
		}
	}
	for _, a := range st.assigns {
		check := func(name string) {
			_, set := e.lookup(name)
			switch d, unknown := e.uncertain[name]; {
			case unknown && d.array:
				refuse(a, name+", an array, which shells do not agree on")
			case unknown:
				refuse(a, name+", whose value is not known because of "+d.why.Pos.String())
			case !set && foreign(name):
				refuse(a, name+", which differs between a boot and a login")
			}
		}
		a.value.names(check)
		if a.when == ifUnset || a.when == ifEmpty {
			check(a.name)
		}
	}
	return why
}
