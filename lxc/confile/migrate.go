package confile

import (
	"bytes"
	"cmp"
	"path/filepath"
	"slices"
	"strings"
)

// Change is one file as it is and as it should be.
type Change struct {
	Path     string // where the file really is, with no symbolic link on the way
	Old, New []byte
	Lines    []LineChange // in order
}

// LineChange is one line of a Change, without what ends it.
type LineChange struct {
	Line     int // in the old file, from 1
	Old, New string
	Deleted  bool // a key without successor: the whole line goes
}

// Migrate works out how the file at path, and every file that it includes,
// reads with the keys of today; those that need no change are left out. Nothing
// is written. Everything but legacy keys stays as it is, byte by byte: comments
// (old keys in them too), spacing, order, line ends. Doing it again to the
// result gives no change. A file that cannot be read whole is an error, and so
// is one that is included twice with networks that would need two numbers.
func Migrate(path string) ([]Change, error) {
	r := newReader(true)
	r.load(path)
	c, err := r.config()
	if err != nil {
		return nil, err
	}
	changes, err := r.changes(c.Entries)
	if err != nil {
		return nil, err
	}
	for i := range changes {
		if changes[i].Path, err = realPath(changes[i].Path); err != nil {
			return nil, err
		}
	}
	return changes, nil
}

func realPath(path string) (string, error) {
	resolved, err := filepath.EvalSymlinks(path)
	if err == nil {
		resolved, err = filepath.Abs(resolved)
	}
	if err != nil {
		return "", &Error{Msg: "cannot find where " + path + " is: " + cause(err).Error(), Err: err}
	}
	return resolved, nil
}

// edit replaces a stretch of a text.
type edit struct {
	span
	text string
}

// changes are those of the sources that entries came from.
func (r *reader) changes(entries []Entry) ([]Change, error) {
	edits := map[*source][]edit{}
	var order []*source
	for i, e := range entries {
		if !e.Legacy {
			continue
		}
		st := &r.statements[i]
		if edits[st.src] == nil {
			order = append(order, st.src)
		}
		edits[st.src] = append(edits[st.src], editsFor(st, e)...)
	}
	var changes []Change
	var errs []error
	for _, src := range order {
		c, err := src.change(edits[src])
		if err != nil {
			errs = append(errs, err)
			continue
		}
		changes = append(changes, c)
	}
	if len(errs) > 0 {
		return nil, join(errs)
	}
	return changes, nil
}

// editsFor says what one legacy line needs.
func editsFor(st *statement, e Entry) []edit {
	if e.Dropped {
		return []edit{{st.whole(), ""}}
	}
	edits := []edit{{st.key, e.Key}}
	if e.Value != st.text(st.value) {
		edits = append(edits, edit{st.value, e.Value})
	}
	return edits
}

// change applies edits, which stay within lines.
func (s *source) change(edits []edit) (Change, error) {
	slices.SortFunc(edits, func(a, b edit) int { return cmp.Or(a.start-b.start, strings.Compare(a.text, b.text)) })
	edits = slices.Compact(edits) // a file included twice
	c := Change{Path: s.name, Old: s.text}
	number, start := 0, 0
	for line := range bytes.Lines(s.text) {
		number++
		var changed []byte
		at := start
		for len(edits) > 0 && edits[0].start < start+len(line) {
			if edits[0].start < at {
				return Change{}, errorf(place(s.name, number, 0), "number its networks yourself: lxc.net.N.KEY",
					"the file is included twice, and this line would need two numbers")
			}
			changed = append(append(changed, s.text[at:edits[0].start]...), edits[0].text...)
			at, edits = edits[0].end, edits[1:]
		}
		end := start + len(line)
		changed = append(changed, s.text[at:end]...)
		if !bytes.Equal(line, changed) {
			c.Lines = append(c.Lines, LineChange{number, trimEnd(line), trimEnd(changed), len(changed) == 0})
		}
		c.New = append(c.New, changed...)
		start = end
	}
	return c, nil
}

func trimEnd(line []byte) string {
	return strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r")
}
