package qemu

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/guest"
)

// inspection holds a Machine against the world and gathers what is wrong.
type inspection struct {
	m    *Machine
	host Host
	errs []error

	ownTaps []string // that the guest has already, as it runs
}

// preflight says what would make a start fail, or harm another guest: one
// error per problem, joined, each a *confd.Error at the variable's place, but
// for a QEMU that is not installed, which is a *guest.Error. It opens nothing
// for writing and changes nothing.
func (m *Machine) preflight(host Host, running []guest.Claim) error {
	i := &inspection{m: m, host: host}
	i.program()
	i.kvm()
	i.cpus()
	i.memory()
	for _, f := range m.Files {
		i.file(f)
	}
	others := without(running, m.Name.String())
	for _, c := range running {
		if c.Guest == m.Name.String() {
			i.ownTaps = c.Taps
		}
	}
	i.disks(others)
	i.nics(others)
	i.ports(others)
	i.vsock()
	i.sockets()
	return errors.Join(i.errs...)
}

// without leaves out the guest itself, of which a record may be left.
func without(claims []guest.Claim, name string) []guest.Claim {
	return slices.DeleteFunc(slices.Clone(claims), func(c guest.Claim) bool { return c.Guest == name })
}

// fail adds a problem, and returns it for its id.
func (i *inspection) fail(variable, hint, format string, args ...any) *confd.Error {
	e := confd.Problem(i.m.conf, variable, hint, format, args...)
	i.errs = append(i.errs, e)
	return e
}

func (i *inspection) program() {
	if i.m.Binary == "" {
		return // system_type is no architecture, which was told
	}
	info, err := os.Stat(i.m.Binary)
	if err == nil && (!info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0) {
		err = errors.New("not a program")
	}
	if err == nil {
		_, err = i.host.Features(i.m.Binary)
	}
	if err != nil {
		i.errs = append(i.errs, &guest.Error{Status: guest.StatusNotInstalled, Msg: "cannot use " + i.m.Binary, Err: cause(err),
			Hint: "install QEMU for this architecture, or set system_type"})
	}
}

func (i *inspection) kvm() {
	if !i.m.KVM {
		return
	}
	if err := i.host.KVMDevice(); err != nil {
		i.fail("enable_kvm", "modprobe kvm_intel or kvm_amd; enable_kvm=auto emulates where KVM does not work", "%v", err).WithID("GR405")
	}
}

func (i *inspection) cpus() {
	if len(i.m.CPUs) == 0 {
		return
	}
	online, err := i.host.CPUs()
	if err != nil {
		i.fail("cpu_affinity", "", "cannot ask which CPUs there are: %v", err).WithID("GR404")
		return
	}
	var gone []string
	for _, cpu := range i.m.CPUs {
		if !slices.Contains(online, cpu) {
			gone = append(gone, strconv.Itoa(cpu))
		}
	}
	if len(gone) > 0 {
		i.fail("cpu_affinity", "see /sys/devices/system/cpu/online", "the host has no CPU %s", listed(gone)).WithID("GR404")
	}
}

// listed names the first few of many.
func listed(words []string) string {
	const most = 8
	if n := len(words) - most; n > 0 {
		words = append(words[:most:most], fmt.Sprintf("%d more", n))
	}
	return strings.Join(words, ", ")
}

func (i *inspection) memory() {
	total, err := i.host.Memory()
	if err != nil {
		i.fail("memory", "", "cannot ask how much the host has: %v", err).WithID("GR401")
	} else if i.m.Memory > total {
		i.fail("memory", "", "%s is more than the host has, which is %s", sizeText(i.m.Memory), sizeText(total&^(1<<20-1))).WithID("GR401")
	}
	if path := i.m.Hugepages; path != "" {
		if info, err := os.Stat(path); err != nil || !info.IsDir() {
			i.fail("hugepages_path", "mount -t hugetlbfs hugetlbfs "+path, "cannot take memory from %s: %v", path, missing(path, err, "not a directory")).WithID("GR403")
		}
	}
}

// file checks one of those that QEMU reads whole. The guest's UEFI variables
// may be missing as long as there is something to make them from.
func (i *inspection) file(f File) {
	hint := ""
	switch f.Role {
	case "kernel", "initrd":
		hint = f.Var + "= wants a file that exists before every start; a symlink will do"
	case "vars":
		if i.m.VarsTemplate != "" {
			if _, err := os.Lstat(f.Path); errors.Is(err, os.ErrNotExist) {
				f.Path = i.m.VarsTemplate
			}
		}
		hint = "with firmware=FILE, copy the distribution's OVMF_VARS.fd there"
	}
	var st unix.Stat_t
	err := unix.Stat(f.Path, &st)
	if err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		err = errors.New("not a regular file")
	}
	if err == nil {
		err = unix.Faccessat(unix.AT_FDCWD, f.Path, unix.R_OK, unix.AT_EACCESS)
	}
	if err != nil {
		i.fail(f.Var, hint, "cannot use %s: %v", f.Path, missing(f.Path, err, "")).WithID("GR207")
	}
}

// sunPath is the room for a socket's path with its final NUL (unix(7)).
const sunPath = 108

func (i *inspection) sockets() {
	s := i.m.Sockets
	for _, socket := range []struct{ variable, path string }{
		{"monitor_socket", s.Monitor}, {"console", s.Console}, {"agent", s.Agent}, {"qmp", s.QMP},
	} {
		if n := len(socket.path); n >= sunPath {
			i.fail(socket.variable, "a shorter name of the guest, or a shorter --root",
				"the socket's path has %d bytes, of which %d are possible: %s", n, sunPath-1, socket.path).WithID("GR312")
		}
	}
}

// ports finds host ports that a running guest listens on: VNC displays and
// forwarded ones.
func (i *inspection) ports(running []guest.Claim) {
	for _, mine := range i.m.Ports {
		for _, other := range running {
			for _, theirs := range other.Ports {
				if samePort(mine, theirs) {
					i.fail(i.portVar(mine), i.portHint(mine), "%s is in use by the running guest %s", mine, other.Guest).WithID(portID(mine))
				}
			}
		}
	}
}

func (i *inspection) portVar(port string) string {
	if strings.HasPrefix(port, "vsock:") {
		return i.firstSet("vsock_cid", "ready")
	}
	for _, nic := range i.m.NICs {
		if slices.Contains(nic.Ports, port) {
			return nic.Var + "_hostfwd"
		}
	}
	return "vnc_display"
}

func (i *inspection) portHint(port string) string {
	if strings.HasPrefix(port, "vsock:") {
		return "vsock_cid= gives this guest another context identifier"
	}
	return "choose another"
}

func portID(port string) string {
	if strings.HasPrefix(port, "vsock:") {
		return "GR307"
	}
	return "GR305"
}

// samePort compares PROTOCOL:ADDRESS:PORT; an address of all zeros is any.
func samePort(a, b string) bool {
	protoA, addrA, portA := splitPort(a)
	protoB, addrB, portB := splitPort(b)
	anywhere := func(addr string) bool { return addr == "0.0.0.0" || addr == "[::]" }
	return protoA == protoB && portA == portB && (addrA == addrB || anywhere(addrA) || anywhere(addrB))
}

func splitPort(s string) (proto, addr, port string) {
	proto, rest, _ := strings.Cut(s, ":")
	colon := max(strings.LastIndexByte(rest, ':'), 0)
	return proto, rest[:colon], rest[colon:]
}

// missing words what a look at path came to: a symlink's target matters more
// than that there is no such file. otherwise is what err == nil means.
func missing(path string, err error, otherwise string) error {
	if err == nil {
		return errors.New(otherwise)
	}
	if target, linkErr := os.Readlink(path); linkErr == nil && errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("it is a symlink to %s, which does not exist", target)
	}
	return cause(err)
}

// cause is what the system said, without a path that the message has already.
func cause(err error) error {
	var e *os.PathError
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}
