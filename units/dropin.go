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
	if s.Start > 0 || s.Stop > 0 {
		b.WriteString("[Service]\n")
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
	d.after = sorted(slices.Concat(d.after, d.requires, d.wants))
	d.before = d.written(s.Before, d.other)
	template := order[s.Kind]
	d.cut("after", &d.after, template.before)
	d.cut("before", &d.before, slices.Concat(template.after, d.after))
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

// cut takes out of the list what is on the other side already: systemd breaks
// a cycle by dropping a job, which may be anybody's.
func (d *directives) cut(word string, list *[]string, other []string) {
	for _, unit := range *list {
		if slices.Contains(other, unit) {
			d.left = append(d.left, fmt.Errorf("cannot order %s %s %s: the other order is given already", d.unit, word, unit))
		}
	}
	*list = without(*list, other)
}

func without(list, other []string) []string {
	return slices.DeleteFunc(list, func(v string) bool { return slices.Contains(other, v) })
}

func sorted(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// order is what the templates say of it, and what follows from that.
var order = map[string]struct{ after, before []string }{
	"lxc":  {after: append([]string{"lxcfs.service", "lxc-net.service"}, early...)},
	"qemu": {after: append([]string{"nss-user-lookup.target"}, early...)},
	"net": {
		after:  []string{"local-fs.target", "network-pre.target", "systemd-modules-load.service", "systemd-sysctl.service"},
		before: []string{"network.target", "network-online.target", "remote-fs.target", "nss-lookup.target"},
	},
}

// early goes before every guest.
var early = []string{"local-fs.target", "remote-fs.target", "network.target", "network-pre.target",
	"sysinit.target", "basic.target", "systemd-modules-load.service", "systemd-sysctl.service"}
