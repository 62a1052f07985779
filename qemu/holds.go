package qemu

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/guestrc/guestrc/guest"
)

// Holds are what no other guest may have, as the files say it.
func (m *Machine) Holds() []guest.Hold {
	if m.conf == nil {
		return nil
	}
	h := &holding{m: m}
	h.disks()
	h.network()
	h.processor()
	h.paths()
	return h.all
}

// holding gathers them.
type holding struct {
	m   *Machine
	all []guest.Hold
}

// add notes one, at the variable that says so.
func (h *holding) add(hold guest.Hold, variable string) {
	v, _ := h.m.conf.Get(variable)
	hold.Var, hold.Pos = variable, v.Pos
	h.all = append(h.all, hold)
}

// disks hold their files, and what they stand on: an image that another stands
// on is read, and ruined by whoever writes it.
func (h *holding) disks() {
	for _, d := range h.m.Disks {
		if d.Path == "" {
			continue
		}
		h.file(d.Path, d.Var, d.ReadOnly || d.Shared)
		links, _ := h.m.host.Chain(d.Path, d.Format) // what is wrong with it, Examine tells
		for n, l := range links {
			if n > 0 && l.NotFollowed == "" {
				h.file(l.Path, d.Var, true)
			}
		}
	}
	if v, ok := h.m.conf.Filled("uefi_vars"); ok && filepath.IsAbs(v.Text) {
		h.file(v.Text, "uefi_vars", false)
	}
}

// file is held by what it is, so that other names of it count; one that is not
// there, by its name.
func (h *holding) file(path, variable string, shared bool) {
	key := filepath.Clean(path)
	if id, _, err := devIno(path); err == nil {
		key = fmt.Sprintf("%d:%d", id.Dev, id.Ino)
	}
	h.add(guest.Hold{Sort: guest.HoldDisk, Key: key, Text: path, Shared: shared}, variable)
}

func (h *holding) network() {
	i := &inspection{m: h.m}
	for _, nic := range h.m.NICs {
		if nic.MAC != "" {
			h.add(guest.Hold{Sort: guest.HoldMAC, Key: nic.MAC, Text: nic.MAC}, i.firstSet(nic.Var+"_mac", nic.Var))
		}
		if nic.Ifname != "" {
			h.add(guest.Hold{Sort: guest.HoldLink, Key: nic.Ifname, Text: nic.Ifname}, i.firstSet(nic.Var+"_ifname", nic.Var))
		}
	}
	for _, port := range h.m.Ports {
		if !strings.HasPrefix(port, "vsock:") {
			h.add(guest.Hold{Sort: guest.HoldPort, Key: port, Text: port}, i.portVar(port))
		}
	}
	if cid := strconv.FormatUint(uint64(h.m.CID), 10); h.m.CID != 0 {
		h.add(guest.Hold{Sort: guest.HoldCID, Key: cid, Text: cid}, i.firstSet("vsock_cid", "ready"))
	}
}

// processor: CPUs are the guest's own where each virtual one has its own; a
// guest that is kept to some of the host's shares them.
func (h *holding) processor() {
	for _, cpu := range h.m.CPUs {
		n := strconv.Itoa(cpu)
		h.add(guest.Hold{Sort: guest.HoldCPU, Key: n, Text: n, Shared: len(h.m.CPUs) != h.m.VCPUs}, "cpu_affinity")
	}
	h.add(guest.Hold{Sort: guest.HoldMemory, Key: h.m.Hugepages, Text: sizeText(h.m.Memory), Amount: h.m.Memory}, "memory")
}

// paths are those that the files name: the others have the guest's name in them.
// A log is appended to, so that two may have one.
func (h *holding) paths() {
	if v, ok := h.m.conf.Filled("uuid"); ok && isUUID(v.Text) {
		h.add(guest.Hold{Sort: guest.HoldUUID, Key: strings.ToLower(v.Text), Text: v.Text}, v.Name)
	}
	for _, name := range []string{"monitor_socket", "console", "logfile"} {
		if v, ok := h.m.conf.Filled(name); ok && filepath.IsAbs(v.Text) {
			h.add(guest.Hold{Sort: guest.HoldSocket, Key: filepath.Clean(v.Text), Text: v.Text, Shared: name == "logfile"}, name)
		}
	}
}
