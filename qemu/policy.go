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
		SSHTarget:  p.Text("ssh_target"),
		SSHCommand: p.Text("ssh_command"),
		SSHOptions: p.Words("ssh_options"),
	}
	if strings.HasPrefix(p.m.Stop.SSHTarget, "-") {
		p.Fail("ssh_target", "user@host", "%q is an option, not a host", p.m.Stop.SSHTarget).WithID("GR102")
	}
	if strings.HasPrefix(p.m.Stop.SSHCommand, "-") {
		p.Fail("ssh_command", "poweroff", "%q is an option, not a command", p.m.Stop.SSHCommand).WithID("GR102")
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
		p.Fail("stop_schedule", hint, "%v", err).WithID("GR102")
		return
	}
	usesSSH := slices.ContainsFunc(schedule, func(s shutdown.Step) bool { return s.Verb == "ssh" })
	if usesSSH && p.m.Stop.SSHTarget == "" {
		p.Fail("stop_schedule", "ssh_target=root@guest", "it has the rung ssh, but ssh_target is not set")
	}
	p.m.Schedule, p.m.Stop.Schedule = schedule, schedule.String()
}

// schedule is the text of stop_schedule, else the default with the time that
// qemu-openrc's shutdown_timeout gives to ACPI, and with ssh where it has a
// target.
func (p *planner) schedule() string {
	if p.Set("stop_schedule") {
		if p.Set("shutdown_timeout") {
			p.Warn("shutdown_timeout", "take it out, or stop_schedule", "ignored: stop_schedule is set").WithID("GR103")
		}
		return p.Text("stop_schedule")
	}
	text := defaultSchedule
	if p.Set("shutdown_timeout") {
		seconds := int(p.Seconds("shutdown_timeout") / time.Second)
		text = strings.Replace(text, "acpi/60", "acpi/"+strconv.Itoa(seconds), 1)
	}
	if p.Set("ssh_target") {
		text = strings.Replace(text, "quit/", "ssh/20/quit/", 1)
	}
	return text
}

func (p *planner) resend() Resend {
	switch text := p.Text("acpi_resend"); text {
	case "once":
		return Resend{}
	case "double":
		return Resend{Double: true}
	default:
		seconds, err := strconv.ParseUint(text, 10, 16)
		if err != nil || seconds == 0 {
			p.Fail("acpi_resend", "10, once or double", "%q is neither a number of seconds nor once nor double", text).WithID("GR102")
		}
		return Resend{Every: time.Duration(seconds) * time.Second}
	}
}

// readiness works out when a start is complete. It comes after networks and
// console, which it refers to.
func (p *planner) readiness() {
	p.m.Readiness.Timeout = p.Seconds("ready_timeout")
	how, argument, _ := strings.Cut(p.Text("ready"), ":")
	p.m.Readiness.How = how
	switch how {
	case "agent":
		if p.m.Sockets.Agent == "" && p.Sound("agent") {
			p.Fail("ready", "agent=yes", "ready=agent needs the agent's channel")
		}
	case "tcp":
		p.readyTCP(argument)
	case "console":
		p.readyConsole(argument)
	}
	p.vsock(how == "vsock")
	if how == "vsock" {
		p.m.Readiness.CID = p.m.CID
	}
	if p.m.CID != 0 {
		p.m.Ports = append(p.m.Ports, vsockClaim(p.m.CID))
	}
	if p.Set("ready_address") && how != "tcp" && p.Sound("ready") {
		p.Warn("ready_address", "ready=tcp:22", "ignored: ready is not tcp:PORT").WithID("GR103")
	}
}

// readyConsole starts the guest paused: the starter is to hear its first word.
func (p *planner) readyConsole(pattern string) {
	if p.m.Sockets.Console == "" && p.Sound("console") {
		p.Fail("ready", "console=yes", "ready=console needs the console's socket")
	}
	if _, err := regexp.Compile(pattern); err != nil {
		p.Fail("ready", "a regular expression as in RE2: console:login:", "%v", err).WithID("GR102")
	}
	p.m.Readiness.Pattern = pattern
	p.add("-S")
}

func (p *planner) readyTCP(text string) {
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		p.Fail("ready", "ready=tcp:22", "%q is not a TCP port", text).WithID("GR102")
		return
	}
	host := p.Text("ready_address")
	switch {
	case host == "":
		p.m.Readiness.Address = p.forwardTo(int(port))
	case strings.HasPrefix(host, "[") || strings.Count(host, ":") == 1:
		p.m.Readiness.Address = host // with a port of its own
	default:
		p.m.Readiness.Address = net.JoinHostPort(host, text)
	}
	if p.m.Readiness.Address == "" {
		p.readyCards(int(port))
		return
	}
	addr, _, err := net.SplitHostPort(p.m.Readiness.Address)
	if err != nil {
		p.Fail("ready_address", "192.0.2.7, [2001:db8::7]:22", "%v", err).WithID("GR102")
	}
	ip := net.ParseIP(addr)
	throughUser := slices.ContainsFunc(p.m.NICs, func(n NIC) bool { return n.Type == "user" })
	p.m.Readiness.Banner = throughUser && (addr == "localhost" || ip != nil && ip.IsLoopback())
}

// readyCards leaves it to the host's neighbours which address the guest has.
func (p *planner) readyCards(port int) {
	p.m.Readiness.Port = port
	for _, nic := range p.m.NICs {
		switch nic.Type {
		case "bridge":
			p.m.Readiness.Cards = append(p.m.Readiness.Cards, Card{nic.MAC, nic.Bridge})
		case "tap":
			p.m.Readiness.Cards = append(p.m.Readiness.Cards, Card{nic.MAC, nic.Ifname})
		}
	}
	if len(p.m.Readiness.Cards) == 0 {
		p.Fail("ready", "ready_address=192.0.2.7", "ready=tcp:%d needs ready_address, the guest's address: it is on no bridge and no tap", port)
	}
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
