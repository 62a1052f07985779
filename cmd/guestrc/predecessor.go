package main

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/guestrc/guestrc/bridge"
	"github.com/guestrc/guestrc/bridge/service"
	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/initd"
	"github.com/guestrc/guestrc/lxc/confile"
)

// difference is one thing that changes when guestrc's script takes over.
type difference struct {
	what string
	old  string // empty for what was not there
	now  string
}

// differences are those that the files of n make; docs/from-qemu-openrc.md and
// docs/from-gentoo-lxc.md have them all, with reasons.
func (e *env) differences(ctx context.Context, s *systems, n guest.Name, target string) ([]difference, error) {
	switch {
	case initd.LSB(target):
		return []difference{{"to OpenRC", "an LSB script, of which it knows neither the state nor the dependencies", "a service of its own"}}, e.configured(ctx, n)
	case n.Kind == service.Kind:
		return e.bridgeDifferences(n)
	}
	i, err := e.instance(ctx, n)
	if err != nil {
		return nil, err
	}
	c, err := e.house.Load(n)
	if err != nil {
		return nil, err
	}
	if n.Kind == "qemu" {
		return machineDifferences(n, c, i), nil
	}
	return e.containerDifferences(s, n, c, i)
}

// instance is nil for a guest of another host that cannot be told from here.
func (e *env) instance(ctx context.Context, n guest.Name) (guest.Instance, error) {
	i, err := e.house.Configure(ctx, n, &progress{e: e, name: n})
	if err != nil && e.root != "/" {
		if err := e.described(n); err != nil {
			return nil, err
		}
		e.out.warn(fmt.Errorf("not all that differs can be told on this host: %w", err))
		return nil, nil
	}
	return i, err
}

// text is a variable's text, or what goes for it when it is not set.
func text(c *confd.Config, name, otherwise string) string {
	if v, ok := c.Filled(name); ok {
		return v.Text
	}
	return otherwise
}

var netPattern = regexp.MustCompile(`^net[0-9]+$`)

// machineDifferences: the old side is jirutka/qemu-openrc 0.12.
func machineDifferences(n guest.Name, c *confd.Config, i guest.Instance) (found []difference) {
	set := func(name string) bool { _, ok := c.Filled(name); return ok }
	if i != nil {
		found = append(found, difference{"stop", fmt.Sprintf("acpi once, %s s, then KILL", text(c, "shutdown_timeout", "40")), i.Plan().Stop})
	}
	if set("vnc_display") && !set("vnc_listen") {
		found = append(found, difference{"VNC (vnc_listen)", "on 0.0.0.0", "on 127.0.0.1"})
	}
	for _, v := range c.Values {
		if netPattern.MatchString(v.Name) && v.Text == "bridge" && !set(v.Name+"_helper") {
			found = append(found, difference{v.Name, "by QEMU's setuid bridge helper", "by a tap that guestrc makes"})
		}
	}
	if v, ok := c.Filled("enable_kvm"); ok && !set("cpu_model") {
		if kvm, err := confd.ParseBool(v); err == nil && !kvm {
			found = append(found, difference{"CPU (cpu_model)", "host, which QEMU refuses without KVM", "max"})
		}
	}
	if !set("monitor_socket") {
		found = append(found, difference{"monitor (monitor_socket)", path.Join("/run/qemu", n.Instance), "/run/guestrc/" + n.String() + "/sock/monitor"})
	}
	if !set("logfile") {
		found = append(found, difference{"log (logfile)", "/var/log/qemu", "/var/log/guestrc/" + n.String() + ".log"})
	}
	return found
}

// containerDifferences: Alpine's script has a variable that Gentoo's has not.
func (e *env) containerDifferences(s *systems, n guest.Name, c *confd.Config, i guest.Instance) ([]difference, error) {
	if i == nil {
		return nil, nil
	}
	old := "SIGRTMIN+3 or SIGPWR, 30 s, then KILL, which counts as success"
	if script, _, err := s.tree.ReadFile(path.Join(initd.Dir, predecessors[n.Kind])); err == nil && strings.Contains(string(script), "POWEROFF_SIGNAL") {
		old = fmt.Sprintf("%s, %s s, then it is left running", text(c, "POWEROFF_SIGNAL", "SIGUSR2"), text(c, "TIMEOUT", "30"))
	}
	signal := "what its init understands"
	if v, ok := c.Filled("POWEROFF_SIGNAL"); ok {
		signal = v.Text + " (POWEROFF_SIGNAL)"
	}
	found := []difference{{"stop", old, fmt.Sprintf("%s; halt is %s", i.Plan().Stop, signal)}}
	m, ok := i.(migrating)
	if !ok {
		return found, nil
	}
	found = append(found, difference{"configuration", "", m.ConfigPath()})
	changes, err := confile.Migrate(m.ConfigPath())
	if err != nil {
		return nil, fmt.Errorf("cannot adopt %s: %w", n, err)
	}
	for _, change := range changes {
		found = append(found, difference{"keys of LXC 2", "", fmt.Sprintf("%d lines of %s: guestrc migrate %s", len(change.Lines), change.Path, n)})
	}
	if s.openrc.Started(n.String()) {
		found = append(found, difference{"running container", "", "goes on, and is found by its monitor"})
	}
	return found, nil
}

// bridgeDifferences: what a start of ours would change of the bridge as it is.
func (e *env) bridgeDifferences(n guest.Name) ([]difference, error) {
	b, err := e.readBridge(n)
	if err != nil {
		return nil, err
	}
	found := []difference{
		{"restart", "takes the bridge down, and guests' ports out of it", "changes what differs; guests stay plugged in"},
		{"stop", "detaches whatever is plugged in", "refused while guests are plugged in"},
	}
	if e.root != "/" { // this host's bridges are others
		return found, nil
	}
	changes, err := bridge.Differences(b.Conf.Spec)
	if err != nil {
		return nil, err
	}
	for _, change := range changes {
		found = append(found, difference{"the next start", "", change})
	}
	return found, nil
}
