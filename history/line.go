package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// version of an Entry; it grows when a reader of the old form would
// misunderstand.
const version = 1

// lineMax bounds a line, in bytes; textMax what it tells in words, one by one.
const (
	lineMax = 16 << 10
	textMax = 1 << 10
)

// line is e as one line of the file. What is too long is cut: first the words,
// then whom it was to follow, as one of a thousand that stops last follows all
// others, then the notes of the rungs.
func line(e Entry) ([]byte, error) {
	e.Version = version
	for _, text := range []*string{&e.Error, &e.Cause, &e.Text, &e.Schedule} {
		*text = cut(*text)
	}
	data, err := json.Marshal(e)
	if err == nil && len(data) >= lineMax {
		e.After, e.Needs = nil, nil
		data, err = json.Marshal(e)
	}
	if err == nil && len(data) >= lineMax && e.Stop != nil {
		stop := *e.Stop
		stop.Rungs = append(stop.Rungs[:0:0], stop.Rungs...)
		for i := range stop.Rungs {
			stop.Rungs[i].Notes, stop.Rungs[i].Error = nil, cut(stop.Rungs[i].Error)
		}
		e.Stop = &stop
		data, err = json.Marshal(e)
	}
	if err == nil && len(data) >= lineMax {
		err = fmt.Errorf("it has %d bytes, %d are possible", len(data), lineMax-1)
	}
	return append(data, '\n'), err
}

func cut(text string) string {
	if len(text) <= textMax {
		return text
	}
	text = text[:textMax]
	for !utf8.ValidString(text) && len(text) > textMax-utf8.UTFMax {
		text = text[:len(text)-1]
	}
	return text + "…"
}

// errTorn is for what looks like the beginning of a line, or its end.
var errTorn = errors.New("it is torn")

// parse reads one line of the history of guest.
func parse(data []byte, guest string) (Entry, error) {
	var e Entry
	if err := json.Unmarshal(data, &e); err != nil {
		return Entry{}, fmt.Errorf("%w, or not ours: %w", errTorn, err)
	}
	switch {
	case e.Version != version:
		return Entry{}, fmt.Errorf("its version is %d, this program knows %d", e.Version, version)
	case e.Guest != guest:
		return Entry{}, fmt.Errorf("it is of guest %.80q", e.Guest)
	case e.At.IsZero():
		return Entry{}, errors.New("it has no time")
	}
	switch e.Event {
	case Start, Stop, End, Reset, Reboot:
		return e, nil
	}
	return Entry{}, fmt.Errorf("its event %.80q is unknown", e.Event)
}

// Damaged is a line that was not understood, and is passed over.
type Damaged struct {
	Line int // from 1; 0 where it lies so far back that it was not counted
	Err  error
}

// DamagedError tells which lines of a file were passed over. What the others say
// is returned beside it.
type DamagedError struct {
	Path  string
	Lines []Damaged // the last ones, in order
	Count int       // of all
}

func (e *DamagedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "cannot read %s of the history", plural(e.Count, "line"))
	for i, l := range e.Lines {
		sign := "; "
		if i == 0 {
			sign = ": "
		}
		if l.Line == 0 {
			fmt.Fprintf(&b, "%s%s: %v", sign, e.Path, l.Err)
		} else {
			fmt.Fprintf(&b, "%s%s:%d: %v", sign, e.Path, l.Line, l.Err)
		}
	}
	return b.String()
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// byTime orders entries of several guests.
func byTime(a, b Entry) int { return a.At.Compare(b.At) }
