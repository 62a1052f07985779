package qemu

import (
	"errors"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/guestrc/guestrc/shutdown"
)

// defaultSchedule is the ladder of a guest whose files say nothing of one.
const defaultSchedule = "agent/10/acpi/60/quit/10/KILL/5"

// verbs are the rungs that exist here, besides signals and forever.
var verbs = []string{"agent", "acpi", "ssh", "quit"}

// stopPolicy works out the schedule and what its rungs need.
func (p *planner) stopPolicy() {
	p.m.Stop = StopPolicy{
		Resend:     p.resend(),
		SSHTarget:  p.text("ssh_target"),
		SSHCommand: p.text("ssh_command"),
		SSHOptions: p.words("ssh_options"),
	}
	if strings.HasPrefix(p.m.Stop.SSHTarget, "-") {
		p.fail("ssh_target", "user@host", "%q is an option, not a host", p.m.Stop.SSHTarget)
	}
	if strings.HasPrefix(p.m.Stop.SSHCommand, "-") {
		p.fail("ssh_command", "poweroff", "%q is an option, not a command", p.m.Stop.SSHCommand)
	}
	if p.m.Stop.SSHTarget == "" {
		p.m.Stop.SSHCommand = ""
	}
	schedule, err := shutdown.Parse(p.schedule(), verbs...)
	if err != nil {
		var syntax *shutdown.SyntaxError
		hint := ""
		if errors.As(err, &syntax) {
			hint = syntax.HintText()
		}
		p.fail("stop_schedule", hint, "%v", err)
		return
	}
	usesSSH := slices.ContainsFunc(schedule, func(s shutdown.Step) bool { return s.Verb == "ssh" })
	if usesSSH && p.m.Stop.SSHTarget == "" {
		p.fail("stop_schedule", "ssh_target=root@guest", "it has the rung ssh, but ssh_target is not set")
	}
	p.m.Schedule, p.m.Stop.Schedule = schedule, schedule.String()
}

// schedule is the text of stop_schedule, else the default with the time that
// qemu-openrc's shutdown_timeout gives to ACPI, and with ssh where it has a
// target.
func (p *planner) schedule() string {
	if p.set("stop_schedule") {
		if p.set("shutdown_timeout") {
			p.warn("shutdown_timeout", "take it out, or stop_schedule", "ignored: stop_schedule is set")
		}
		return p.text("stop_schedule")
	}
	text := defaultSchedule
	if p.set("shutdown_timeout") {
		seconds := int(p.seconds("shutdown_timeout") / time.Second)
		text = strings.Replace(text, "acpi/60", "acpi/"+strconv.Itoa(seconds), 1)
	}
	if p.set("ssh_target") {
		text = strings.Replace(text, "quit/", "ssh/20/quit/", 1)
	}
	return text
}

func (p *planner) resend() Resend {
	switch text := p.text("acpi_resend"); text {
	case "once":
		return Resend{}
	case "double":
		return Resend{Double: true}
	default:
		seconds, err := strconv.ParseUint(text, 10, 16)
		if err != nil || seconds == 0 {
			p.fail("acpi_resend", "10, once or double", "%q is neither a number of seconds nor once nor double", text)
		}
		return Resend{Every: time.Duration(seconds) * time.Second}
	}
}

// readiness works out when a start is complete. It comes after networks and
// console, which it refers to.
func (p *planner) readiness() {
	p.m.Readiness.Timeout = p.seconds("ready_timeout")
	how, argument, _ := strings.Cut(p.text("ready"), ":")
	p.m.Readiness.How = how
	switch how {
	case "agent":
		if p.m.Sockets.Agent == "" {
			p.fail("ready", "agent=yes", "ready=agent needs the agent's channel")
		}
	case "tcp":
		p.readyTCP(argument)
	case "console":
		p.readyConsole(argument)
	}
	if p.set("ready_address") && how != "tcp" {
		p.warn("ready_address", "ready=tcp:22", "ignored: ready is not tcp:PORT")
	}
}

// readyConsole starts the guest paused: the starter is to hear its first word.
func (p *planner) readyConsole(pattern string) {
	if p.m.Sockets.Console == "" {
		p.fail("ready", "console=yes", "ready=console needs the console's socket")
	}
	if _, err := regexp.Compile(pattern); err != nil {
		p.fail("ready", "a regular expression as in RE2: console:login:", "%v", err)
	}
	p.m.Readiness.Pattern = pattern
	p.add("-S")
}

func (p *planner) readyTCP(text string) {
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		p.fail("ready", "ready=tcp:22", "%q is not a TCP port", text)
		return
	}
	host := p.text("ready_address")
	switch {
	case host == "":
		p.m.Readiness.Address = p.forwardTo(int(port))
	case strings.HasPrefix(host, "[") || strings.Count(host, ":") == 1:
		p.m.Readiness.Address = host // with a port of its own
	default:
		p.m.Readiness.Address = net.JoinHostPort(host, text)
	}
	if p.m.Readiness.Address == "" {
		p.fail("ready", "ready_address=192.0.2.7", "ready=tcp:%s needs ready_address, the guest's address", text)
		return
	}
	addr, _, err := net.SplitHostPort(p.m.Readiness.Address)
	if err != nil {
		p.fail("ready_address", "192.0.2.7, [2001:db8::7]:22", "%v", err)
	}
	ip := net.ParseIP(addr)
	throughUser := slices.ContainsFunc(p.m.NICs, func(n NIC) bool { return n.Type == "user" })
	p.m.Readiness.Banner = throughUser && (addr == "localhost" || ip != nil && ip.IsLoopback())
}

// forwardTo finds the host's end of a forwarded TCP port of the guest.
func (p *planner) forwardTo(port int) string {
	for _, nic := range p.m.NICs {
		if nic.Type != "user" {
			continue
		}
		for _, rule := range p.hostfwd(nic.Var) {
			host, guestPort, ok := parseHostfwd(rule)
			address, tcp := strings.CutPrefix(host, "tcp:")
			if ok && tcp && guestPort == port {
				return strings.Replace(address, "0.0.0.0:", "127.0.0.1:", 1)
			}
		}
	}
	return ""
}
