package qemu

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
)

const vhostVsock = "/dev/vhost-vsock"

// vhostVsockSetGuestCID is VHOST_VSOCK_SET_GUEST_CID of linux/vhost.h, _IOW with
// a __u64; the bits for _IOW differ between architectures.
const vhostVsockSetGuestCID = unix.TUNSETIFF&0xe000_0000 | 8<<16 | 0xaf<<8 | 0x60

// Context identifiers of guests. 0 to 2 are the hypervisor, the machine itself
// and the host (vsock(7)); the upper half is left out for notifyPort.
const (
	minCID = 3
	maxCID = 1<<31 - 2
)

// vsock gives the guest a vsock device where one is asked for, and tells its
// systemd where to send that it is up. The device's PCI slot is fixed, as the
// agent's is.
func (p *planner) vsock(ready bool) {
	if !ready && !p.Set("vsock_cid") {
		return
	}
	variable := "ready"
	if p.Set("vsock_cid") {
		variable = "vsock_cid"
	}
	if !p.ours(variable, "vhost-vsock") {
		return
	}
	cid := defaultCID(p.m.Name)
	if p.Set("vsock_cid") {
		n := p.Int("vsock_cid")
		if n < minCID || n > maxCID {
			p.Fail("vsock_cid", "", "%d is not between %d and %d", n, minCID, maxCID).WithID("GR102")
			return
		}
		cid = uint32(n)
	}
	p.m.CID = cid
	fd := p.inherit(Inherit{What: "vsock", CID: cid})
	p.add("-device", "vhost-vsock-pci,id=guestrc-vsock,addr=0x1c,guest-cid="+strconv.FormatUint(uint64(cid), 10)+",vhostfd="+fd)
	if !ready {
		return
	}
	// systemd(1), vmm.notify_socket. Firmware of x86 always has the SMBIOS
	// tables; elsewhere they come with UEFI alone.
	const credential = "vmm.notify_socket"
	address := fmt.Sprintf("vsock-stream:%d:%d", unix.VMADDR_CID_HOST, notifyPort(cid))
	if p.arch == "x86_64" || p.arch == "i386" {
		p.add("-smbios", "type=11,value=io.systemd.credential:"+credential+"="+address)
	} else {
		p.add("-fw_cfg", "name=opt/io.systemd.credentials/"+credential+",string="+address)
	}
}

// defaultCID is made from the guest's name, so that it stays the same. Those
// that people choose are small; these have a bit that keeps apart from them.
func defaultCID(name guest.Name) uint32 {
	sum := sha256.Sum256([]byte("vsock " + name.String()))
	return 1<<30 | min(binary.BigEndian.Uint32(sum[:])>>2, maxCID-1<<30)
}

// notifyPort is where the host listens for a guest: a port for each, far above
// those that anybody else uses.
func notifyPort(cid uint32) uint32 { return 1<<31 | cid }

// vsockClaim is a guest.Claim's port: of two guests with one identifier, the
// kernel would refuse the second.
func vsockClaim(cid uint32) string { return fmt.Sprintf("vsock:%d:%d", cid, notifyPort(cid)) }

// openVsock opens the kernel's side of a guest's vsock device and takes the
// identifier for it. QEMU, which gets the file, need not have access to it.
func openVsock(cid uint32) (*os.File, error) {
	fail := func(err error, hint string) error {
		return &guest.Error{Status: guest.StatusFailed, Msg: fmt.Sprintf("cannot make the vsock device with context identifier %d", cid), Err: err, Hint: hint}
	}
	f, err := os.OpenFile(vhostVsock, os.O_RDWR, 0)
	if err != nil {
		return nil, fail(err, vsockHint(err))
	}
	value := uint64(cid)
	switch _, err := ioctlPtr(int(f.Fd()), vhostVsockSetGuestCID, unsafe.Pointer(&value)); {
	case errors.Is(err, unix.EADDRINUSE):
		f.Close()
		return nil, fail(errors.New("another virtual machine has that identifier"), "vsock_cid= gives this guest another")
	case err != nil:
		f.Close()
		return nil, fail(err, "")
	}
	return f, nil
}

func vsockHint(err error) string {
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO) {
		return "modprobe vhost_vsock"
	}
	return ""
}

// vsock checks that the host can have such a device.
func (i *inspection) vsock() {
	if i.m.CID == 0 {
		return
	}
	if err := i.host.VhostVsock(); err != nil {
		i.fail(i.firstSet("vsock_cid", "ready"), vsockHint(err), "cannot make a vsock device: %v", err).WithID("GR413")
	}
}
