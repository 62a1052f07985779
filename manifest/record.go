package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// RecordPath is the manifest's own file.
const RecordPath = "/var/lib/guestrc/installed.json"

// recordVersion grows when a reader of the old form would misunderstand.
const recordVersion = 1

// record is what is on disk.
type record struct {
	Version int              `json:"version"`
	Files   map[string]entry `json:"files"`          // by path
	Dirs    []string         `json:"dirs,omitempty"` // that were made for them, outermost first
}

// entry is one file: what it is, and while it is being replaced also what it
// was, so that whoever comes after a crash knows both.
type entry struct {
	mark
	Sample  bool  `json:"sample,omitempty"`
	Pending bool  `json:"pending,omitempty"` // it is being written
	Before  *mark `json:"before,omitempty"`
}

// mark is what a file is known by: the sum of its content, or where it points.
type mark struct {
	SHA256 string `json:"sha256,omitempty"` // in hex
	Target string `json:"target,omitempty"`
}

func sum(content []byte) mark {
	s := sha256.Sum256(content)
	return mark{SHA256: hex.EncodeToString(s[:])}
}

// valid tells whether m is a sum or a target, and not both.
func (m mark) valid() bool {
	b, err := hex.DecodeString(m.SHA256)
	return m.Target == "" && err == nil && len(b) == sha256.Size || m.Target != "" && m.SHA256 == ""
}

// parse reads a record.
func parse(text []byte) (record, error) {
	var r record
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&r); err != nil {
		return record{}, err
	}
	if r.Version != recordVersion {
		return record{}, fmt.Errorf("version %d, this program knows %d", r.Version, recordVersion)
	}
	for path, e := range r.Files {
		if !clean(path) || !e.valid() || e.Before != nil && !e.Before.valid() {
			return record{}, fmt.Errorf("it says nothing sensible of %q", path)
		}
	}
	for _, path := range r.Dirs {
		if !clean(path) {
			return record{}, fmt.Errorf("%q is no directory of ours", path)
		}
	}
	if r.Files == nil {
		r.Files = map[string]entry{}
	}
	return r, nil
}

func clean(path string) bool {
	return filepath.IsAbs(path) && filepath.Clean(path) == path && path != "/"
}

func load(t *Tree) (record, error) {
	text, _, err := t.ReadFile(RecordPath)
	if errors.Is(err, fs.ErrNotExist) {
		return record{Version: recordVersion, Files: map[string]entry{}}, nil
	}
	if err != nil {
		return record{}, fmt.Errorf("cannot read the record of what is installed: %w", err)
	}
	r, err := parse(text)
	if err != nil {
		return record{}, &Error{Msg: "cannot read the record of what is installed, " + t.Path(RecordPath) + ": it is damaged", Err: err,
			Hint: "move it away, and the files that it names: install makes them anew"}
	}
	return r, nil
}

// save replaces the record; without files there is none, and no directory for it.
func (m *Manifest) save() error {
	var err error
	if m.Empty() {
		if err = m.tree.Remove(RecordPath); err == nil {
			err = m.tree.RemoveDir(filepath.Dir(RecordPath))
		}
	} else {
		var text []byte
		if text, err = json.MarshalIndent(m.record, "", "\t"); err == nil {
			err = m.tree.WriteFile(RecordPath, append(text, '\n'), 0o644)
		}
	}
	if err != nil {
		return fmt.Errorf("cannot record what is installed: %w", err)
	}
	return nil
}

// Error is a failure with a hint.
type Error struct {
	Msg  string // "cannot VERB OBJECT", lower case
	Hint string
	Err  error // cause; may be nil
}

// Error gives the message and the cause; the hint is left to whoever prints.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Msg + ": " + e.Err.Error()
	}
	return e.Msg
}

// HintText returns the fix.
func (e *Error) HintText() string { return e.Hint }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
