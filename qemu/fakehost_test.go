package qemu

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"testing"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/image"
)

// fakeHost is a made-up machine: what newMachine and preflight ask is what its
// fields say.
type fakeHost struct {
	uid, gid int
	noQEMU   bool
	features Features
	kvm      error // of the trial and of the device
	vsock    error
	users    map[string][2]int
	groups   map[string]int
	uefi     *UEFI
	images   map[string]Image
	memory   uint64
	cpus     []int
	quiet    []int
	huge     HugePages
	links    map[string]string
}

// newFakeHost is a machine of today with a QEMU 7.2, on which root works.
func newFakeHost() *fakeHost {
	return &fakeHost{
		features: Features{Version: "7.2.22", Runas: true},
		users:    map[string][2]int{"root": {0, 0}, "qemu": {107, 107}},
		groups:   map[string]int{"root": 0, "qemu": 107, "kvm": 78},
		uefi: &UEFI{Code: "/usr/share/OVMF/OVMF_CODE_4M.fd", CodeFormat: "raw",
			Vars: "/usr/share/OVMF/OVMF_VARS_4M.fd", VarsFormat: "raw"},
		images: map[string]Image{},
		memory: 64 << 30,
		cpus:   []int{0, 1, 2, 3},
		links:  map[string]string{"br0": "bridge", "br1": "bridge", "tap0": "tun", "eth0": "virtio_net"},
	}
}

func (h *fakeHost) IDs() (int, int) { return h.uid, h.gid }

func (h *fakeHost) Program(name string) (string, error) {
	if h.noQEMU {
		return "", exec.ErrNotFound
	}
	return "/usr/bin/" + name, nil
}

func (h *fakeHost) Features(string) (Features, error) {
	if h.noQEMU {
		return Features{}, exec.ErrNotFound
	}
	return h.features, nil
}

func (h *fakeHost) KVM(string) error { return h.kvm }
func (h *fakeHost) KVMDevice() error { return h.kvm }

func (h *fakeHost) KVMFor(arch string) error {
	if arch != "x86_64" {
		return errors.New("KVM does not run " + arch + " guests on amd64")
	}
	return nil
}

func (h *fakeHost) VhostVsock() error { return h.vsock }

func (h *fakeHost) User(name string) (int, int, error) {
	if ids, ok := h.users[name]; ok {
		return ids[0], ids[1], nil
	}
	if uid, err := strconv.Atoi(name); err == nil {
		return uid, -1, nil
	}
	return 0, 0, fmt.Errorf("unknown user %s", name)
}

func (h *fakeHost) Group(name string) (int, error) {
	if gid, ok := h.groups[name]; ok {
		return gid, nil
	}
	return 0, fmt.Errorf("unknown group %s", name)
}

func (h *fakeHost) UEFI(arch, machine string) (UEFI, error) {
	if h.uefi == nil {
		return UEFI{}, errors.New("there is none for " + arch + " in /usr/share")
	}
	return *h.uefi, nil
}

func (h *fakeHost) Image(path string) (Image, error)    { return h.images[path], nil }
func (h *fakeHost) Memory() (uint64, error)             { return h.memory, nil }
func (h *fakeHost) CPUs() ([]int, error)                { return slices.Clone(h.cpus), nil }
func (h *fakeHost) QuietCPUs([]int) ([]int, error)      { return h.quiet, nil }
func (h *fakeHost) HugePages(string) (HugePages, error) { return h.huge, nil }

// Chain looks at real files.
func (h *fakeHost) Chain(path, format string) ([]image.Link, error) {
	return image.Chain(context.Background(), path, format)
}

func (h *fakeHost) LinkDriver(name string) (string, error) {
	return h.links[name], nil
}

// parseConf reads the text of a guest's own file.
func parseConf(t *testing.T, name guest.Name, text string) *confd.Config {
	t.Helper()
	cfg, err := confd.Parse(name.String(), []byte(text), preset(name))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func preset(name guest.Name) map[string]string {
	return map[string]string{"VM_NAME": name.Instance, "RC_SVCNAME": name.String()}
}

func mustName(t *testing.T, s string) guest.Name {
	t.Helper()
	name, err := guest.ParseName(s)
	if err != nil {
		t.Fatal(err)
	}
	return name
}
