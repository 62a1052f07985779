package confile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// Bounds far above what configurations need. LXC has none, and falls over an
// include in a circle.
const (
	maxDepth = 16      // includes within includes
	maxFiles = 512     // files read, one included twice counting twice
	maxTotal = 4 << 20 // bytes of them together
)

// reader collects the statements of a file and of what it includes.
type reader struct {
	follow     bool
	statements []statement
	ignored    []Entry
	files      []string
	dirs       []string
	errs       []error
	total      int                // bytes
	sources    map[fileID]*source // so that a file included twice is one source
	open       []fileID           // from the main file down to the one being read
}

func newReader(follow bool) *reader {
	return &reader{follow: follow, sources: map[fileID]*source{}}
}

// fail notes an error; the last one stands for all that follow.
func (r *reader) fail(e *Error) {
	if len(r.errs) == maxErrors-1 {
		e.Msg += " (the first faults only, this is the last told)"
	}
	if !r.full() {
		r.errs = append(r.errs, e)
	}
}

// full says that it is no use to read on.
func (r *reader) full() bool { return len(r.errs) == maxErrors }

func (r *reader) config() (*Config, error) {
	entries, errs := translate(r.statements)
	for _, e := range errs {
		r.fail(e)
	}
	if len(r.errs) > 0 {
		return nil, join(r.errs)
	}
	return &Config{entries, r.ignored, r.files, r.dirs}, nil
}

func (r *reader) load(path string) {
	if e := r.file(path); e != nil {
		r.fail(e)
	}
}

// file reads a file with all it includes, unless that would be a circle.
func (r *reader) file(path string) *Error {
	text, id, err := readFile(path)
	if err != nil {
		return &Error{Msg: fmt.Sprintf("cannot read %s: %v", path, cause(err)), Err: err, ID: unusable}
	}
	switch {
	case len(r.open) > maxDepth:
		return errorf(Pos{}, "", "cannot include %s: more than %d files deep", path, maxDepth)
	case len(r.files) == maxFiles:
		return errorf(Pos{}, "", "cannot include %s: more than %d files in all", path, maxFiles)
	}
	if slices.Contains(r.open, id) {
		return errorf(Pos{}, "take out the lxc.include that leads back", "cannot include %s: an include in a circle", path)
	}
	r.total += len(text)
	if r.total > maxTotal {
		return errorf(Pos{}, "", "cannot include %s: more than %d bytes in all", path, maxTotal)
	}
	src := r.sources[id]
	if src == nil || !bytes.Equal(src.text, text) {
		src = &source{path, text}
		r.sources[id] = src
	}
	r.files = append(r.files, path)
	r.open = append(r.open, id)
	r.parse(src)
	r.open = r.open[:len(r.open)-1]
	return nil
}

// parse reads one text.
func (r *reader) parse(s *source) {
	s.lines(func(start, end, next int, pos Pos) bool {
		if i := bytes.IndexByte(s.text[start:end], 0); i >= 0 {
			pos.Col += i
			r.fail(errorf(pos, "take it out", "a NUL byte: LXC would not read what follows"))
			return false
		}
		st, kind := s.read(start, end, next, pos)
		switch kind {
		case ignored:
			r.ignored = append(r.ignored, Entry{Written: st.text(st.key), Pos: st.pos})
		case malformed:
			r.fail(errorf(st.pos, "write KEY = VALUE, or # in front of a comment", "a line that begins with \"lxc.\" but has no \"=\""))
		case setting:
			r.statements = append(r.statements, st)
			if r.follow && st.text(st.key) == "lxc.include" && st.value.start < st.value.end {
				r.include(&st)
			}
		}
		return !r.full()
	})
}

// include follows one lxc.include (set_config_includefiles).
func (r *reader) include(st *statement) {
	path := st.text(st.value)
	if !filepath.IsAbs(path) {
		r.fail(errorf(st.pos, "write the whole path, from /", "cannot include %s: LXC would look for it from wherever it is started", path))
		return
	}
	fail := func(e *Error) {
		e.Pos = st.pos
		r.fail(e)
	}
	if !strings.HasSuffix(path, "/") {
		e := r.file(path)
		if e == nil {
			return
		}
		if e.Err != errDirectory {
			var system *fs.PathError
			if errors.As(e.Err, &system) { // of the opening
				e.Msg = fmt.Sprintf("cannot include %s: %v", path, cause(e.Err))
			}
			fail(e)
			return
		}
	}
	names, err := readDir(path)
	if err != nil {
		fail(&Error{Msg: fmt.Sprintf("cannot include %s: %v", path, cause(err)), Err: err, ID: unusable})
		return
	}
	r.dirs = append(r.dirs, path)
	for _, name := range names {
		e := r.file(strings.TrimRight(path, "/") + "/" + name)
		if e != nil && e.Err != errDirectory { // LXC passes over directories in a directory
			fail(e)
		}
		if r.full() {
			return
		}
	}
}
