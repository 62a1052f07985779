package lxc

import (
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/lxc/confile"
)

// readiness works out when a start is complete. What can be seen in the files
// to tell of the host instead of the container is refused.
func (p *planner) readiness() {
	how, argument, _ := strings.Cut(p.Text("ready"), ":")
	p.c.Readiness = Ready{How: how, Timeout: p.Seconds("ready_timeout")}
	switch how {
	case "exec":
		p.readyExec(argument)
	case "tcp":
		p.readyTCP(argument)
	case "console":
		p.readyConsole(argument)
	case "systemd", "openrc":
		p.readyInside()
		if p.c.Rootfs.Type == "" {
			p.Fail("ready", "ready=init", "the container's files are the host's, and with them what tells of %s", how).WithID("GR102")
		}
	}
	if p.Set("ready_address") && how != "tcp" && p.Sound("ready") {
		p.Warn("ready_address", "ready=tcp:22", "ignored: ready is not tcp:PORT").WithID("GR103")
	}
}

func (p *planner) readyExec(text string) {
	v := p.Value("ready")
	v.Text = text
	words, err := confd.SplitWords(v)
	if err != nil {
		p.Fail("ready", "", "%v", err).WithID("GR102")
		return
	}
	if len(words) == 0 || words[0] == "" {
		p.Fail("ready", "exec:/usr/bin/test -e /run/up", "exec wants a command").WithID("GR102")
	}
	p.c.Readiness.Exec = words
	p.readyInside()
}

// readyInside is for what looks at files and processes of the container.
func (p *planner) readyInside() {
	for _, own := range answers {
		if e, ok := p.keeps(own.namespace); ok {
			p.Fail("ready", "take "+own.namespace+" out of lxc.namespace.keep in "+e.Pos.String()+", or ready=init",
				"the container shares the host's %s namespace: what runs inside would tell of the host's %s", own.namespace, own.what).WithID("GR102")
		}
	}
}

// keeps finds the line by which the container has a namespace of the host's.
func (p *planner) keeps(namespace string) (confile.Entry, bool) {
	for _, e := range p.c.file.All("lxc.namespace.keep") {
		if slices.Contains(strings.Fields(e.Value), namespace) {
			return e, true
		}
	}
	return confile.Entry{}, false
}

func (p *planner) readyTCP(text string) {
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		p.Fail("ready", "ready=tcp:22", "%q is not a TCP port", text).WithID("GR102")
		return
	}
	p.c.Readiness.Port = uint16(port)
	host := p.Text("ready_address")
	switch {
	case host == "":
		if p.onHostNet() {
			p.Fail("ready", "ready_address=127.0.0.1", "tcp:%d needs ready_address: the container's network is the host's, whose other services have ports too", port).WithID("GR102")
		}
		return
	case strings.HasPrefix(host, "[") || strings.Count(host, ":") == 1:
		p.c.Readiness.Address = host // with a port of its own
	default:
		p.c.Readiness.Address = net.JoinHostPort(host, text)
	}
	if _, _, err := net.SplitHostPort(p.c.Readiness.Address); err != nil {
		p.Fail("ready_address", "192.0.2.7, [2001:db8::7]:22", "%v", err).WithID("GR102")
	}
}

// onHostNet: LXC gives a container the host's network when it has one of type
// none and no other (lxc_requests_empty_network in src/lxc/network.c).
func (p *planner) onHostNet() bool {
	if _, ok := p.keeps("net"); ok {
		return true
	}
	nets := p.c.file.Nets()
	return len(nets) > 0 && !slices.ContainsFunc(nets, func(n confile.Net) bool { return n.Type != "none" })
}

// readyConsole finds the file that LXC writes the console to. Where the
// container's configuration has none it is one of ours, for this run.
func (p *planner) readyConsole(pattern string) {
	r := &p.c.Readiness
	r.Pattern = pattern
	if _, err := regexp.Compile(pattern); err != nil {
		p.Fail("ready", "a regular expression as in RE2: console:login:", "%v", err).WithID("GR102")
	}
	if e, ok := p.c.file.Get("lxc.console.path"); ok && e.Value == "none" {
		p.Fail("ready", "take it out, or ready=init", "the container has no console: lxc.console.path in %s", e.Pos).WithID("GR102")
	}
	if e, ok := p.c.file.Get("lxc.console.logfile"); ok {
		r.Console, r.From = e.Value, size(e.Value)
		return
	}
	r.Console, r.Own = filepath.Join(p.c.Layout.RunDir(p.c.Name), "console"), true
}
