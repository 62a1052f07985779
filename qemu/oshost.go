package qemu

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/image"
)

// osHost is the machine that we run on.
type osHost struct {
	ctx    context.Context // bounds the programs that are asked
	layout guest.Layout
}

// newHost looks at the machine that we run on. It keeps ctx: a Host answers
// within one plan or preflight, which ctx bounds.
func newHost(ctx context.Context, layout guest.Layout) Host { return osHost{ctx, layout} }

func (osHost) IDs() (uid, gid int) { return os.Geteuid(), os.Getegid() }

// Program looks into /usr/bin first, where qemu-openrc looks, whatever PATH an
// init system gives us.
func (osHost) Program(name string) (string, error) {
	dirs := append([]string{"/usr/bin", "/usr/local/bin"}, filepath.SplitList(os.Getenv("PATH"))...)
	for _, dir := range dirs {
		if !filepath.IsAbs(dir) {
			continue
		}
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("cannot find program %s: %w", name, exec.ErrNotFound)
}

func (h osHost) Features(path string) (Features, error) {
	return probeFeatures(h.ctx, h.layout.CacheDir(), path)
}

// kvmArchs are the guests that a host's KVM runs, by GOARCH.
var kvmArchs = map[string][]string{
	"amd64":   {"x86_64", "i386"},
	"386":     {"i386"},
	"arm64":   {"aarch64", "arm"},
	"ppc64le": {"ppc64"},
	"ppc64":   {"ppc64"},
	"riscv64": {"riscv64"},
	"s390x":   {"s390x"},
}

func (h osHost) KVM(arch string) error {
	if err := h.KVMFor(arch); err != nil {
		return err
	}
	if guest.OnlyLooks(h.ctx) {
		return h.KVMDevice()
	}
	return tryKVM(kvmProgram)
}

func (osHost) KVMFor(arch string) error {
	if slices.Contains(kvmArchs[runtime.GOARCH], arch) {
		return nil
	}
	return fmt.Errorf("KVM does not run %s guests on %s", arch, runtime.GOARCH)
}

func (osHost) KVMDevice() error {
	fd, err := openKVM()
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// VhostVsock opens the device, which has the kernel load what it belongs to.
func (h osHost) VhostVsock() error {
	if guest.OnlyLooks(h.ctx) {
		return unix.Faccessat(unix.AT_FDCWD, vhostVsock, unix.R_OK|unix.W_OK, unix.AT_EACCESS)
	}
	f, err := os.OpenFile(vhostVsock, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

func (osHost) User(name string) (uid, gid int, err error) {
	u, err := user.Lookup(name)
	if n, notNumber := strconv.ParseUint(name, 10, 31); err != nil && notNumber == nil {
		if u, err = user.LookupId(name); err != nil {
			return int(n), -1, nil
		}
	}
	if err != nil {
		return 0, 0, err
	}
	return idPair(u.Uid, u.Gid)
}

func (osHost) Group(name string) (gid int, err error) {
	if n, err := strconv.ParseUint(name, 10, 31); err == nil {
		return int(n), nil
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(g.Gid)
}

func idPair(uid, gid string) (int, int, error) {
	u, err1 := strconv.Atoi(uid)
	g, err2 := strconv.Atoi(gid)
	return u, g, errors.Join(err1, err2)
}

func (osHost) UEFI(arch, machine string) (UEFI, error) { return findUEFI("/", arch, machine) }

func (osHost) Image(path string) (Image, error) {
	format, block, err := image.Look(path)
	return Image{Block: block, Format: format}, err
}

func (h osHost) Chain(path, format string) ([]image.Link, error) {
	return image.Chain(h.ctx, path, format)
}

// Memory is MemTotal of /proc/meminfo (proc(5)), which is in KiB.
func (osHost) Memory() (uint64, error) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return parseMemTotal(f)
}

func parseMemTotal(r io.Reader) (uint64, error) {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 2 && fields[0] == "MemTotal:" {
			kib, err := strconv.ParseUint(fields[1], 10, 53)
			return kib << 10, err
		}
	}
	return 0, errors.New("cannot read /proc/meminfo: it has no MemTotal")
}

// CPUs reads the list of those online (Documentation/admin-guide/cputopology).
func (osHost) CPUs() ([]int, error) {
	const file = "/sys/devices/system/cpu/online"
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return confd.ParseCPUs(confd.Value{Name: file, Text: strings.TrimSpace(string(text))})
}

// LinkDriver asks the kernel, and not /sys, which may show another network
// namespace than ours.
func (osHost) LinkDriver(name string) (string, error) {
	if _, err := net.InterfaceByName(name); err != nil {
		return "", nil // no such interface
	}
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", fmt.Errorf("cannot ask for interface %s: %w", name, err)
	}
	defer unix.Close(s)
	info, err := unix.IoctlGetEthtoolDrvinfo(s, name)
	if err != nil {
		return "unknown", nil // loopback and others have no driver
	}
	return unix.ByteSliceToString(info.Driver[:]), nil
}
