package units

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// dropin is the text of the file: the same for the same service, each directive
// once. left is what could not be said.
func (s Service) dropin() (text string, left error) {
	l := s.directives()
	var b strings.Builder
	b.WriteString("# made by guestrc-generator from /etc/conf.d\n")
	if s.Problem != "" {
		fmt.Fprintf(&b, "# faulty: %s\n", comment(s.Problem))
	}
	b.WriteString("[Unit]\n")
	if isPlain(s.Source) { // systemd takes this path as it is, quotes and all
		fmt.Fprintf(&b, "SourcePath=%s\n", s.Source)
	}
	write := func(key string, values []string) {
		for _, v := range values {
			fmt.Fprintf(&b, "%s=%s\n", key, v)
		}
	}
	write("RequiresMountsFor", l.mounts)
	write("Requires", l.requires)
	write("Wants", l.wants)
	write("After", l.after)
	write("Before", l.before)
	for _, line := range s.Respawn.limits() {
		b.WriteString(line + "\n")
	}
	if s.Start > 0 || s.Stop > 0 || s.Respawn.When != "" {
		b.WriteString("[Service]\n")
	}
	for _, line := range s.Respawn.restart() {
		b.WriteString(line + "\n")
	}
	if s.Start > 0 {
		fmt.Fprintf(&b, "TimeoutStartSec=%s\n", limit(s.Start))
	}
	if s.Stop > 0 {
		fmt.Fprintf(&b, "TimeoutStopSec=%s\n", limit(s.Stop))
	}
	return b.String(), errors.Join(l.left...)
}

// limit is d and some slack, as systemd.time(7) writes it.
func limit(d time.Duration) string {
	if d > math.MaxInt64-slack {
		return "infinity"
	}
	return fmt.Sprint(int64((d + slack) / time.Second))
}

// directives are a service's lists as they are written, and what is left out.
type directives struct {
	unit                                   string
	mounts, requires, wants, after, before []string
	left                                   []error
}

func (s Service) directives() *directives {
	d := &directives{unit: Name(s.Kind, s.Instance)}
	devices := d.written(s.Devices, deviceUnit)
	interfaces := d.written(s.Interfaces, interfaceUnit)
	d.mounts = d.written(s.Mounts, quotePath)
	d.requires = d.written(s.Requires, d.other)
	d.wants = without(d.written(slices.Concat(s.Wants, devices, interfaces), d.other), d.requires)
	d.after = d.written(s.After, d.other)
	d.after = without(sorted(slices.Concat(d.after, d.requires, d.wants)), s.notAfter)
	d.before = without(d.written(s.Before, d.other), s.notBefore)
	return d
}

// written turns each value into its text in the file, sorted, each once. A text
// that is empty is none.
func (d *directives) written(values []string, text func(string) (string, error)) []string {
	var found []string
	for _, v := range sorted(slices.Clone(values)) {
		t, err := text(v)
		if err != nil {
			d.left = append(d.left, fmt.Errorf("cannot order %s: %w", d.unit, err))
		} else if t != "" {
			found = append(found, t)
		}
	}
	return sorted(found)
}

// other lets pass what can be a unit's name, but for the unit itself.
func (d *directives) other(unit string) (string, error) {
	switch {
	case unit == d.unit:
		return "", nil
	case !isUnit(unit):
		return "", fmt.Errorf("%q is no unit's name", unit)
	}
	return unit, nil
}

func without(list, other []string) []string {
	return slices.DeleteFunc(list, func(v string) bool { return slices.Contains(other, v) })
}

func sorted(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}
