package netifrc

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/guestrc/guestrc/confd"
)

// reader turns the variables of one bridge into its Config.
type reader struct {
	files  *confd.Foreign
	c      *Config
	ours   string // the file whose plain names count
	name   string // of the bridge
	suffix string // of netifrc's variables for it: "_br0"
	brctl  map[string]statement
	errs   []error
}

// statement is a variable, or a command of brctl, that says something.
type statement struct {
	confd.Value
	unit unit // of a time
	ours bool
}

func (r *reader) read() {
	if !r.described() {
		return
	}
	r.c.Described = true
	r.c.Spec.Name = r.name
	r.checkOurs()
	r.commands()
	r.link()
	r.forwarding()
	r.ports()
	r.network()
	r.unsupported()
}

func (r *reader) fail(at confd.Value, hint, format string, args ...any) {
	r.errs = append(r.errs, problem(at, hint, format, args...))
}

func (r *reader) warn(at confd.Value, hint, format string, args ...any) {
	r.c.Warnings = append(r.c.Warnings, problem(at, hint, format, args...).WithID(idle))
}

func problem(at confd.Value, hint, format string, args ...any) *confd.Error {
	e := confd.Errorf(at.Pos, at.Name+": "+format, args...)
	e.Hint = hint
	return e.WithID(wrong)
}

// own is one of our variables, which count in our file only: in netifrc's such
// a name is anything.
func (r *reader) own(name string) (confd.Value, bool) {
	v, ok := r.files.Get(name)
	return v, ok && v.Pos.File == r.ours
}

// their is one of netifrc's variables. One that cannot be read is an error, or
// a warning when ours is there in its place.
func (r *reader) their(name string, replaced bool) (confd.Value, bool) {
	if why, ok := r.files.Unread(name); ok {
		at := confd.Value{Name: name, Pos: why.Pos}
		if replaced {
			r.warn(at, why.Hint, "it cannot be read, and is not used: %s", why.Msg)
		} else {
			r.fail(at, why.Hint, "it cannot be read: %s", why.Msg)
		}
		return confd.Value{}, false
	}
	return r.files.Get(name)
}

// setting is how one thing is called.
type setting struct {
	ours   string   // empty: only netifrc has it
	theirs []string // the first that is set counts
	brctl  string   // command, counts last
}

// statements lists what is said of a setting, first what counts.
func (r *reader) statements(of setting) (found []statement) {
	if of.ours != "" {
		if v, ok := r.own(of.ours); ok && v.Text != "" {
			found = append(found, statement{v, seconds, true})
		}
	}
	for _, name := range of.theirs {
		if v, ok := r.their(name+r.suffix, len(found) > 0); ok && v.Text != "" {
			found = append(found, statement{v, hundredths, false})
		}
	}
	if s, ok := r.brctl[of.brctl]; ok {
		found = append(found, s)
	}
	return found
}

// choose reads a setting. Where ours and netifrc's differ there is a warning;
// netifrc's may be anything then.
func choose[T any](r *reader, of setting, parse func(statement) (T, error)) (value T, from statement, ok bool) {
	said := r.statements(of)
	if len(said) == 0 {
		return value, from, false
	}
	from = said[0]
	value, err := parse(from)
	if err != nil {
		r.errs = append(r.errs, err)
		return value, from, false
	}
	for _, other := range said[1:] {
		if !from.ours {
			break
		}
		if theirs, err := parse(other); err != nil || !reflect.DeepEqual(value, theirs) {
			r.warn(from.Value, "take one of them out", "it differs from %s at %s, and is what counts", other.Name, other.Pos)
		}
	}
	return value, from, true
}

// set is choose into a pointer of the Spec.
func set[T any](r *reader, to **T, of setting, parse func(statement) (T, error)) {
	if value, _, ok := choose(r, of, parse); ok {
		*to = &value
	}
}

// described says whether the files have this bridge at all.
func (r *reader) described() bool {
	for _, v := range own() {
		if value, ok := r.own(v.Name); ok && (value.Text != "" || v.Name == "ports") {
			return true
		}
	}
	return r.theirs()
}

// theirs says whether netifrc takes the interface for a bridge: one of the
// variables is set, be it to nothing.
func (r *reader) theirs() bool {
	for _, name := range []string{"bridge", "brctl", "bridge_force"} {
		if r.mentioned(name + r.suffix) {
			return true
		}
	}
	return len(r.joiners()) > 0
}

func (r *reader) mentioned(name string) bool {
	_, set := r.files.Get(name)
	_, unread := r.files.Unread(name)
	return set || unread
}

// checkOurs holds our file against the table. netifrc's variables in it, of
// whatever interface, are netifrc's business.
func (r *reader) checkOurs() {
	table := Vars(r.name)
	var values []confd.Value
	for _, v := range r.files.Values {
		theirs := strings.HasSuffix(v.Name, r.suffix)
		for _, prefix := range []string{"config_", "mtu_", "brport_", "bridge_add_", "dns_", "modules"} {
			theirs = theirs || strings.HasPrefix(v.Name, prefix)
		}
		if _, _, _, known := table.Lookup(v.Name); v.Pos.File == r.ours && (known || !theirs) {
			values = append(values, v)
		}
	}
	warnings, _ := table.Check(&confd.Config{Values: values}) // the types are read, and told, where they are used
	r.c.Warnings = append(r.c.Warnings, warnings...)
}

// commands reads brctl_br0="setfd 0 …": netifrc runs each line as a command.
func (r *reader) commands() {
	r.brctl = map[string]statement{}
	v, ok := r.their("brctl"+r.suffix, false)
	if !ok {
		return
	}
	for line := range strings.Lines(v.Text) {
		words := strings.Fields(line)
		for len(words) > 0 {
			command := words[0]
			if !slices.Contains([]string{"setfd", "sethello", "setmaxage", "setageing", "setbridgeprio", "stp"}, command) {
				r.warn(v, "", "brctl's %q is not done by guestrc", command)
				break
			}
			if len(words) == 1 {
				r.fail(v, "", "brctl's %s needs a value", command)
				break
			}
			at := confd.Value{Name: v.Name + " " + command, Text: words[1], Pos: v.Pos}
			r.brctl[command] = statement{at, seconds, false}
			words = words[2:]
		}
	}
}

// hooks are functions that netifrc calls for every interface.
var hooks = [...]string{"preup", "postup", "predown", "postdown", "failup", "faildown"}

// others are netifrc's settings of an interface that are left out, and those
// that the kernel has for a bridge (/sys/class/net/br0/bridge).
var others = [...]string{"rules", "rules6", "netns", "vlans", "alias", "ip6token", "fallback", "fallback_routes",
	"group_addr", "group_fwd_mask", "default_pvid", "vlan_protocol", "vlan_stats_enabled", "vlan_stats_per_port", "no_linklocal_learn",
	"hash_elasticity", "hash_max", "nf_call_arptables", "nf_call_ip6tables", "nf_call_iptables",
	"multicast_hash_max", "multicast_igmp_version", "multicast_last_member_count", "multicast_last_member_interval", "multicast_membership_interval",
	"multicast_mld_version", "multicast_querier", "multicast_querier_interval", "multicast_query_interval", "multicast_query_response_interval",
	"multicast_query_use_ifaddr", "multicast_router", "multicast_startup_query_count", "multicast_startup_query_interval", "multicast_stats_enabled"}

// unsupported tells what netifrc would do for the bridge and guestrc does not.
func (r *reader) unsupported() {
	for _, v := range r.files.Values {
		key, ours := strings.CutSuffix(v.Name, r.suffix)
		if ours && v.Text != "" && slices.Contains(others[:], strings.TrimPrefix(key, "bridge_")) {
			r.warn(v, "", "not done by guestrc")
		}
		for _, port := range r.c.Spec.Ports {
			if strings.HasPrefix(v.Name, "brport_") && strings.HasSuffix(v.Name, "_"+Variable(port)) {
				r.warn(v, "", "not done by guestrc")
			}
		}
	}
	if !r.theirs() && !r.mentioned("config"+r.suffix) {
		return // netifrc has nothing to do with it
	}
	for _, f := range r.files.Functions {
		if slices.Contains(hooks[:], f.Name) {
			r.c.Warnings = append(r.c.Warnings, &confd.Error{Pos: f.Pos, Msg: fmt.Sprintf("guestrc does not call %s for %s", f.Name, r.name),
				Hint: "what it does for the bridge belongs into a service of its own, with rc_after=\"net." + r.name + "\"", ID: idle})
		}
	}
	for _, s := range r.files.Skipped {
		if s.Anything {
			r.c.Warnings = append(r.c.Warnings, &confd.Error{Pos: s.Why.Pos, Msg: "what this does to variables cannot be read, and is left out: " + s.Why.Msg,
				Hint: "write what " + r.name + " needs into " + r.ours, ID: idle})
		}
	}
}
