package qemu

import (
	"slices"
	"strconv"
	"strings"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/guest"
)

// planner turns one guest's variables into a Machine.
type planner struct {
	*confd.Settings
	m    *Machine
	host Host

	arch  string
	extra []string // extra_args
	spawn bool     // QEMU must be able to run other programs
	args  []string
}

// newMachine works out what cfg means. It reads nothing but what host answers.
// Every error is a *confd.Error with the position of the variable; several are
// joined; the Machine then lacks what they are about. Warnings are left in it.
func newMachine(layout guest.Layout, name guest.Name, cfg *confd.Config, host Host) (*Machine, error) {
	p := &planner{
		Settings: confd.NewSettings(Vars, cfg),
		host:     host,
		m:        &Machine{Name: name, Layout: layout, conf: cfg, host: host},
	}
	p.extra = p.Words("extra_args")
	p.binary()
	p.sockets()
	p.process()
	p.stopPolicy()

	p.identity()
	p.processor()
	p.add("-device", "virtio-balloon")
	p.add("-vga", p.Text("vga"))
	p.add("-device", "virtio-rng-pci")
	p.add("-device", "virtio-scsi-pci,id=scsi")
	p.monitors()
	p.memory()
	p.display()
	p.boot()
	p.networks()
	p.disks()
	p.cdroms()
	p.consoleAndAgent()
	p.readiness()
	p.confinement()
	p.extraArgs()

	p.m.Args = p.args
	p.m.warnings = p.Warnings
	return p.m, p.Err()
}

func (p *planner) add(args ...string) { p.args = append(p.args, args...) }

// given says whether extra_args has one of these options. QEMU takes an option
// with one dash or two.
func (p *planner) given(names ...string) bool {
	return slices.ContainsFunc(p.extra, func(arg string) bool {
		option, ok := strings.CutPrefix(arg, "-")
		return ok && slices.Contains(names, strings.TrimPrefix(option, "-"))
	})
}

// binary finds the QEMU program. One that is missing is the preflight's to
// report: a plan can be made without.
func (p *planner) binary() {
	p.arch = p.Text("system_type")
	if !only(p.arch, lower+digit+"_") {
		p.Fail("system_type", "x86_64 for qemu-system-x86_64", "%q is not an architecture", p.arch).WithID("GR102")
		return
	}
	path, err := p.host.Program("qemu-system-" + p.arch)
	if err != nil {
		path = "/usr/bin/qemu-system-" + p.arch
	}
	p.m.Binary = path
}

// commLen is how much of a process's name the kernel keeps (TASK_COMM_LEN - 1).
const commLen = 15

func (p *planner) identity() {
	name := p.m.Name.Instance
	p.add("-name", name+",process="+name[:min(len(name), commLen)])
	p.add("-nodefaults", "-no-user-config")
	if machine := p.Text("machine"); machine != "" {
		p.add("-machine", machine)
	}
	if uuid := p.Text("uuid"); uuid != "" {
		if !isUUID(uuid) {
			p.Fail("uuid", "uuidgen makes one", "%q is not a UUID", uuid).WithID("GR102")
		}
		p.add("-uuid", uuid)
	}
}

// isUUID wants the form of RFC 9562 §4, in any case.
func isUUID(s string) bool {
	groups := strings.Split(s, "-")
	if len(groups) != 5 {
		return false
	}
	for i, length := range []int{8, 4, 4, 4, 12} {
		if len(groups[i]) != length || !only(groups[i], digit+"abcdefABCDEF") {
			return false
		}
	}
	return true
}

func (p *planner) processor() {
	p.m.KVM = p.useKVM()
	model := p.Text("cpu_model")
	switch {
	case model == "" && p.m.KVM:
		model = "host"
	case model == "":
		model = "max"
	case !p.m.KVM && p.Sound("enable_kvm") && (model == "host" || strings.HasPrefix(model, "host,")):
		p.Fail("cpu_model", "cpu_model=max has all that emulation offers", "%q needs KVM, which is not used", model)
	}
	if p.m.KVM {
		p.add("-enable-kvm")
	} else {
		p.add("-accel", "tcg")
	}
	p.add("-cpu", model)
	p.add("-overcommit", "mem-lock=off")
	p.add("-rtc", "base="+p.Text("rtc_base"))

	p.m.VCPUs = p.Int("smp_cpus")
	most := p.m.VCPUs
	if p.Set("smp_cpus_max") {
		most = p.Int("smp_cpus_max")
	}
	switch {
	case p.m.VCPUs < 1:
		p.Fail("smp_cpus", "", "a guest has at least one CPU").WithID("GR102")
	case most < p.m.VCPUs:
		p.Fail("smp_cpus_max", "", "%d is less than smp_cpus, %d", most, p.m.VCPUs)
	}
	p.add("-smp", "cpus="+strconv.Itoa(p.m.VCPUs)+",maxcpus="+strconv.Itoa(most))
	p.m.CPUs = p.CPUs("cpu_affinity")
}

func (p *planner) useKVM() bool {
	answer := p.Value("enable_kvm")
	if answer.Text == "auto" && p.Sound("system_type") {
		err := p.host.KVM(p.arch)
		if err != nil {
			p.Warn("enable_kvm", "enable_kvm=no says so for good", "the guest is emulated, which is slow: %v", err).WithID("GR412")
		}
		return err == nil
	}
	yes, err := confd.ParseBool(answer)
	if err != nil && answer.Text != "auto" {
		p.Fail("enable_kvm", "yes, no or auto", "%q is none of yes, no and auto", answer.Text).WithID("GR102")
	}
	return yes
}

// monitors gives QEMU two: one on a socket that we listen on and hand over,
// ours alone, and one for people.
func (p *planner) monitors() {
	fd := p.inherit(Inherit{What: "qmp", Path: p.m.Sockets.QMP})
	p.add("-chardev", "socket,id=guestrc-qmp,fd="+fd+",server=on,wait=off", "-mon", "chardev=guestrc-qmp,mode=control")
	p.socketChardev("guestrc-monitor", p.m.Sockets.Monitor)
	p.add("-mon", "chardev=guestrc-monitor,mode=readline")
}

func (p *planner) socketChardev(id, path string) {
	p.add("-chardev", "socket,id="+id+",path="+escape(path)+",server=on,wait=off")
}

// inherit hands over one more open file, and returns its number.
func (p *planner) inherit(in Inherit) string {
	in.FD = 3 + len(p.m.Inherit)
	p.m.Inherit = append(p.m.Inherit, in)
	return strconv.Itoa(in.FD)
}

func (p *planner) memory() {
	p.m.Memory = p.Size("memory")
	most, slots := p.m.Memory, 0
	if p.Set("memory_max") {
		most = p.Size("memory_max")
	}
	switch {
	case p.m.Memory < 1<<20:
		p.Fail("memory", "memory=1G", "a guest has at least 1M").WithID("GR102")
	case most < p.m.Memory:
		p.Fail("memory_max", "", "it is less than memory")
	case most > p.m.Memory:
		slots = p.Int("memory_slots")
	}
	p.add("-m", "size="+sizeText(p.m.Memory)+",slots="+strconv.Itoa(slots)+",maxmem="+sizeText(most))
	if p.Bool("memory_hugepages") && p.Sound("hugepages_path") {
		p.m.Hugepages = p.Text("hugepages_path")
		p.add("-mem-path", p.m.Hugepages)
	}
}

// sizeText writes bytes in the largest unit that QEMU's -m reads exactly.
func sizeText(bytes uint64) string {
	if bytes%(1<<20) == 0 {
		return strconv.FormatUint(bytes>>20, 10) + "M"
	}
	return strconv.FormatUint(bytes>>10, 10) + "K"
}

// vncPort is the TCP port of VNC display 0.
const vncPort = 5900

func (p *planner) display() {
	if !p.Set("vnc_display") {
		p.add("-display", "none")
		return
	}
	listen, display := p.Text("vnc_listen"), p.Int("vnc_display")
	if display > 65535-vncPort {
		p.Fail("vnc_display", "", "display %d has no TCP port", display).WithID("GR102")
	}
	if !p.Sound("vnc_display") {
		return
	}
	if strings.Contains(listen, ":") && !strings.HasPrefix(listen, "[") {
		listen = "[" + listen + "]"
	}
	vnc := "vnc=" + escape(listen) + ":" + strconv.Itoa(display)
	if p.m.VNCPassword = p.Text("vnc_password"); p.m.VNCPassword != "" {
		vnc += ",password=on"
	}
	p.add("-display", vnc)
	p.m.Ports = append(p.m.Ports, "tcp:"+listen+":"+strconv.Itoa(vncPort+display))
}

// extraArgs come last, so that they can override what QEMU takes from the last
// of several. What would take the process out of our hands is refused.
func (p *planner) extraArgs() {
	if p.given("daemonize") {
		p.Fail("extra_args", "leave it out", "-daemonize cannot be given: guestrc itself puts QEMU into the background")
	}
	if p.given("pidfile") {
		p.Fail("extra_args", "leave it out", "-pidfile cannot be given: its place is fixed, as it proves which process is this guest")
	}
	p.add(p.extra...)
}
