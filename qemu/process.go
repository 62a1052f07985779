package qemu

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// process works out as whom, with what priority and environment QEMU runs.
func (p *planner) process() {
	p.identityOfProcess()
	p.m.LogFile = p.m.Layout.LogFile(p.m.Name)
	if p.Set("logfile") {
		p.m.LogFile = p.Text("logfile")
	}
	theirs := "/run/qemu/" + p.m.Name.Instance + "/qemu.pid"
	if p.Set("pidfile") && p.Text("pidfile") != theirs {
		p.Warn("pidfile", "read "+p.m.Layout.PidFile(p.m.Name), "ignored: QEMU's pidfile lies where only root can write").WithID("GR103")
	}
	p.m.Nice = p.Signed("nice")
	if p.m.Nice < -20 || p.m.Nice > 19 {
		p.Fail("nice", "", "%d is not between -20 and 19", p.m.Nice).WithID("GR102")
	}
	if p.Set("oom_score_adj") {
		score := p.Signed("oom_score_adj")
		if score < -1000 || score > 1000 {
			p.Fail("oom_score_adj", "", "%d is not between -1000 and 1000", score).WithID("GR102")
		}
		p.m.OOM = &score
	}
	p.environment()
}

// environment is what the files export, as OpenRC would pass it on, then env.
func (p *planner) environment() {
	for _, v := range p.Config.Values {
		if known, _, _, ok := Vars.Lookup(v.Name); v.Exported && !(ok && known.Secret) {
			p.m.Env = append(p.m.Env, v.Name+"="+v.Text)
		}
	}
	for _, word := range p.Words("env") {
		name, _, ok := strings.Cut(word, "=")
		if !ok || !isVariable(name) {
			p.Fail("env", `env="NAME=value OTHER='two words'"`, "%q is not NAME=value", word).WithID("GR102")
			continue
		}
		p.m.Env = append(p.m.Env, word)
	}
}

// isVariable wants what a shell takes for a name (XBD 3.216).
func isVariable(name string) bool {
	return name != "" && only(name, lower+upper+digit+"_") && !only(name[:1], digit)
}

// identityOfProcess finds the user that QEMU becomes. Only root can become
// somebody else: started by anybody else, QEMU stays who that is.
func (p *planner) identityOfProcess() {
	p.m.UID, p.m.GID = p.host.IDs()
	if p.m.UID != 0 {
		if p.Set("user") {
			if uid, _, err := p.host.User(p.Text("user")); err != nil || uid != p.m.UID {
				p.Warn("user", "run guestrc as root", "ignored: only root can become another user").WithID("GR106")
			}
		}
		return
	}
	user := p.Text("user")
	uid, gid, err := p.host.User(user)
	if err != nil {
		p.Fail("user", "create the user (useradd -r "+user+"), or name another with user=", "cannot find user %q: %v", user, err).WithID("GR410")
		return
	}
	if p.Set("group") {
		group := p.Text("group")
		if gid, err = p.host.Group(group); err != nil {
			p.Fail("group", "create the group (groupadd -r "+group+"), or name another with group=", "cannot find group %q: %v", group, err).WithID("GR410")
		}
	} else if gid < 0 {
		p.Fail("user", "name the group too, with group=", "user %q has no entry that says which group is its own", user).WithID("GR410")
	}
	if uid == 0 {
		return
	}
	p.m.User, p.m.UID, p.m.GID = user, uid, gid
}

// confinement adds what QEMU gives up once it has opened its files. It stays
// root until then, so a guest's user needs no access to /dev/kvm or to disks.
func (p *planner) confinement() {
	p.add("-pidfile", p.m.Layout.PidFile(p.m.Name))
	if p.m.User != "" {
		ids := strconv.Itoa(p.m.UID) + ":" + strconv.Itoa(p.m.GID)
		features, err := p.host.Features(p.m.Binary)
		if err == nil && features.Runas && !features.RunWithUser {
			p.add("-runas", ids)
		} else {
			p.add("-run-with", "user="+ids)
		}
	}
	switch sandbox := p.Text("sandbox"); {
	case p.given("sandbox") || sandbox == "off":
	case sandbox != "on":
		p.add("-sandbox", sandbox)
	case p.spawn || slices.ContainsFunc(p.extra, spawns):
		p.add("-sandbox", "on,obsolete=deny,resourcecontrol=deny")
	default:
		// elevateprivileges=deny would forbid setuid, which -runas needs.
		p.add("-sandbox", "on,obsolete=deny,resourcecontrol=deny,spawn=deny")
	}
}

// spawns says whether an argument makes QEMU run another program: a helper or
// a script of tap and bridge networking, smbd, a program as a network service
// or as a stream of migration (qemu(1)).
func spawns(arg string) bool {
	kind, _, _ := strings.Cut(arg, ",")
	return kind == "tap" || kind == "bridge" ||
		slices.ContainsFunc([]string{"smb=", "cmd:", "exec:", "helper=", "script="}, func(s string) bool { return strings.Contains(arg, s) })
}

// sockets are all in one directory that belongs to the guest's user, unless a
// variable says otherwise.
func (p *planner) sockets() {
	in := func(name string) string { return filepath.Join(p.m.Layout.SockDir(p.m.Name), name) }
	p.m.Sockets = Sockets{QMP: in("qmp"), Monitor: in("monitor")}
	if p.Set("monitor_socket") {
		p.m.Sockets.Monitor = p.Text("monitor_socket")
	}
	if p.Bool("agent") && p.ours("agent", "org.qemu.guest_agent.0") {
		p.m.Sockets.Agent = in("agent")
	}
	switch console := p.Text("console"); {
	case strings.HasPrefix(console, "/"):
		p.m.Sockets.Console = console
	case console == "yes" && !p.given("serial", "nographic"):
		p.m.Sockets.Console = in("console")
	case console != "yes" && console != "no":
		p.Fail("console", "yes, no or the path of a socket", "%q is none of yes, no and an absolute path", console).WithID("GR102")
	}
}

// ours says whether a device is for us to add: extra_args may have one, as it
// had to in qemu-openrc, and two would be in each other's way.
func (p *planner) ours(variable, words string) bool {
	for _, arg := range p.extra {
		if !strings.Contains(arg, words) {
			continue
		}
		if p.Set(variable) {
			p.Fail(variable, "take it out of extra_args", "extra_args has %s too", words)
		}
		return false
	}
	return true
}

// agentChardev is the label of the agent's channel.
const agentChardev = "guestrc-agent"

// consoleAndAgent come after the guest's own devices, and the agent's PCI slot
// is fixed: a guest names its interfaces after the slots, and must not see them
// move when it comes from qemu-openrc or when the agent is turned off.
func (p *planner) consoleAndAgent() {
	if path := p.m.Sockets.Console; path != "" {
		p.socketChardev("guestrc-console", path)
		p.add("-serial", "chardev:guestrc-console")
	}
	if path := p.m.Sockets.Agent; path != "" {
		p.add("-device", "virtio-serial-pci,id=guestrc-serial,addr=0x1e")
		p.socketChardev(agentChardev, path)
		p.add("-device", "virtserialport,bus=guestrc-serial.0,chardev="+agentChardev+",name=org.qemu.guest_agent.0")
	}
}
