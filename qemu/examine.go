package qemu

import (
	"context"
	"slices"
	"strings"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/pidfile"
)

// examination looks for what Preflight does not: what a guest starts with, and
// has trouble from later.
type examination struct {
	*confd.Settings
	m       *Machine
	host    Host
	running bool
	extra   []string // extra_args
	found   []*confd.Error
}

// Examine looks into disks, at what the host has to spare, and for what was
// surely not meant. What a missing file comes to is left to Preflight.
func (m *Machine) Examine(ctx context.Context, p *pidfile.Process) []*confd.Error {
	return m.examine(ctx, newHost(ctx, m.Layout), p != nil)
}

func (m *Machine) examine(ctx context.Context, host Host, running bool) []*confd.Error {
	if m.conf == nil {
		return nil // recalled: there are no files to find fault with
	}
	x := &examination{Settings: confd.NewSettings(Vars, m.conf), m: m, host: host, running: running}
	x.extra = x.Words("extra_args")
	x.idleSettings()
	x.vocabulary()
	x.formats()
	x.users()
	x.bootable(ctx)
	x.kernel()
	x.processor()
	x.hugepages()
	x.realtime()
	x.addresses()
	x.displays()
	x.monitors()
	return x.found
}

// tell notes a fault at the first of the variables that the files set.
func (x *examination) tell(id string, variables []string, hint, format string, args ...any) {
	variable := variables[0]
	if n := slices.IndexFunc(variables, x.Set); n >= 0 {
		variable = variables[n]
	}
	x.found = append(x.found, confd.Problem(x.Config, variable, hint, format, args...).WithID(id))
}

// option gives what follows an option of extra_args each time that it is there.
func (x *examination) option(name string) (values []string) {
	for i, arg := range x.extra {
		if dashed, ok := strings.CutPrefix(arg, "-"); ok && strings.TrimPrefix(dashed, "-") == name && i+1 < len(x.extra) {
			values = append(values, x.extra[i+1])
		}
	}
	return values
}

// idleSettings finds what the guest's own file sets and nothing reads, as what
// it depends on is not set. What the file of all guests sets may be for others.
func (x *examination) idleSettings() {
	for _, v := range x.Config.Values {
		if v.Text == "" || v.Used || v.Exported || len(x.Config.Files) == 0 || v.Pos.File != x.Config.Files[len(x.Config.Files)-1] {
			continue
		}
		if hint, idle := x.idle(v.Name); idle {
			x.tell("GR103", []string{v.Name}, hint, "it has no effect")
		}
	}
}

// idle tells whether a variable has no effect, and what would give it one.
func (x *examination) idle(name string) (hint string, yes bool) {
	switch name {
	case "hugepages_path":
		return "memory_hugepages=yes", x.Sound("memory_hugepages") && !x.Bool("memory_hugepages")
	case "memory_slots":
		return "memory_max= greater than memory", !x.Set("memory_max") || x.Size("memory_max") == x.Size("memory")
	case "vnc_listen", "vnc_password":
		return "vnc_display=1", !x.Set("vnc_display")
	case "ssh_command", "ssh_options":
		return "ssh_target=root@guest", !x.Set("ssh_target")
	case "respawn_delay", "respawn_max", "respawn_period":
		return "respawn=on-crash", x.Text("respawn") == "never"
	}
	prefix, _, several := strings.Cut(name, "_")
	if known, _, _, ok := Vars.Lookup(name); ok && several && strings.HasPrefix(known.Name, "netN_") {
		return prefix + "=bridge", !x.Set(prefix)
	}
	return "", false
}
