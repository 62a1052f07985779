package shutdown

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// endByItself notes an end between rungs. Where the last one was to end the
// target by force, and its time was a little short, it is that one's doing.
func (r *Record) endByItself(began time.Time, t Target) {
	if len(r.Rungs) == 0 {
		r.end(began, "", Graceful)
		return
	}
	last := &r.Rungs[len(r.Rungs)-1]
	switch v := t.Verdict(last.Verb); {
	case v == Died:
		r.end(began, "", Died)
	case v == Forced && last.Result == Ignored:
		last.Result = Down
		r.end(began, last.Verb, Forced)
	default:
		r.end(began, "", Graceful)
	}
}

// Result is how one rung ended.
type Result string

// The results of a rung.
const (
	Down        Result = "down"        // the target was gone within the rung's time
	Ignored     Result = "ignored"     // the request was delivered, the time ran out
	Absent      Result = "absent"      // this way does not exist here
	Failed      Result = "failed"      // the request could not be delivered
	Interrupted Result = "interrupted" // the stop itself was cancelled
	Skipped     Result = "skipped"     // no time was left for it
)

// Outcome is what one rung did.
type Outcome struct {
	Verb   string   `json:"rung"`
	Result Result   `json:"result"`
	Notes  []string `json:"notes,omitempty"`
	Error  string   `json:"error,omitempty"`
	Took   Duration `json:"seconds"`
	// Cut is the time that the schedule gives the rung, where a deadline took
	// some of it away; 0 otherwise, and for Forever, which has none.
	Cut Duration `json:"cut_from,omitzero"`
}

// Record is what a stop did. By is empty when the target ended before the
// first rung, died, or did not end at all (Down tells).
type Record struct {
	Down   bool      `json:"down"`
	By     string    `json:"by,omitempty"`
	Forced bool      `json:"forced"`
	Died   bool      `json:"died,omitempty"` // of something else, during the last rung
	Took   Duration  `json:"seconds"`
	Rungs  []Outcome `json:"rungs,omitempty"`
}

func (r *Record) end(began time.Time, by string, v Verdict) {
	r.Down, r.Took = true, Duration(time.Since(began))
	r.Forced, r.Died = v != Graceful, v == Died
	if v != Died {
		r.By = by
	}
}

// Duration is written to JSON as seconds with milliseconds.
type Duration time.Duration

// MarshalJSON writes seconds, such as 12.345.
func (d Duration) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "%.3f", time.Duration(d).Seconds()), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var seconds float64
	if err := json.Unmarshal(b, &seconds); err != nil {
		return err
	}
	*d = Duration(seconds * float64(time.Second))
	return nil
}

// String is for people: 85 ms, 2.3 s, 75 s.
func (d Duration) String() string {
	t := time.Duration(d)
	switch {
	case t < 100*time.Millisecond:
		return fmt.Sprintf("%d ms", t.Milliseconds())
	case t < 20*time.Second:
		return fmt.Sprintf("%.1f s", t.Seconds())
	}
	return fmt.Sprintf("%.0f s", t.Seconds())
}

// String tells the whole stop in one line:
// "down in 12.3 s by acpi (2nd press)",
// "killed after 75 s: agent absent, acpi ignored",
// "killed after 20 s: acpi ignored (15 of 60 s)".
func (r Record) String() string {
	var before []string
	for _, o := range r.Rungs {
		if o.Result != Down {
			before = append(before, o.brief())
		}
	}
	why := ""
	if len(before) > 0 {
		why = ": " + strings.Join(before, ", ")
	}
	switch {
	case !r.Down:
		return fmt.Sprintf("still running after %s%s", r.Took, why)
	case r.Died:
		return fmt.Sprintf("died after %s, during %s%s%s", r.Took, r.Rungs[len(r.Rungs)-1].Verb, r.notes(), why)
	case r.By == "":
		return fmt.Sprintf("down in %s by itself", r.Took)
	case r.Forced && r.By == "KILL":
		return fmt.Sprintf("killed after %s%s", r.Took, why)
	case r.Forced:
		return fmt.Sprintf("forced down after %s by %s%s%s", r.Took, r.By, r.notes(), why)
	}
	return fmt.Sprintf("down in %s by %s%s", r.Took, r.By, r.notes())
}

// brief is a rung that did not help.
func (o Outcome) brief() string {
	text := o.Verb + " " + string(o.Result)
	if o.Cut > 0 && o.Result != Absent && o.Result != Skipped {
		text += fmt.Sprintf(" (%.3g of %.3g s)", time.Duration(o.Took).Round(100*time.Millisecond).Seconds(), time.Duration(o.Cut).Seconds())
	}
	return text
}

// notes are those of the rung that ended it.
func (r Record) notes() string {
	if n := len(r.Rungs); n > 0 && len(r.Rungs[n-1].Notes) > 0 {
		return " (" + strings.Join(r.Rungs[n-1].Notes, "; ") + ")"
	}
	return ""
}
