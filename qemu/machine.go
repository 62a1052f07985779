package qemu

import (
	"net"
	"os"
	"time"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/shutdown"
)

// Machine is one QEMU guest as its conf.d files describe it: everything that
// start, stop and status need, with no variable left to interpret. It is
// computed by newMachine, which looks at configuration only; preflight then
// holds it against the host.
type Machine struct {
	Name    guest.Name
	Layout  guest.Layout
	Binary  string    // absolute path of qemu-system-ARCH
	Args    []string  // what follows the program's name
	Inherit []Inherit // files that Args refers to by number, from 3 on

	User  string // whom QEMU becomes; empty: stays who we are
	UID   int
	GID   int
	Env   []string // NAME=value, added to a minimal environment
	Nice  int
	OOM   *int  // nil: inherit
	CPUs  []int // host CPUs; one vCPU each when the numbers agree
	VCPUs int

	Disks  []Disk
	Files  []File // others that must be readable: kernel, initrd, firmware
	NICs   []NIC
	Memory uint64 // bytes
	KVM    bool   // false: emulated

	Hugepages    string   // mount point of the hugetlbfs that memory comes from
	VarsTemplate string   // what the file with role "vars" is made from
	Ports        []string // of the host, as in guest.Claim
	CID          uint32   // context identifier of the vsock device; 0: it has none

	Sockets Sockets
	LogFile string

	Schedule  shutdown.Schedule
	Stop      StopPolicy
	Readiness Ready

	VNCPassword string // set over the monitor, never in Args

	warnings []*confd.Error // what does no harm but was surely not meant
	log      *os.File       // from this start on
	logStart int64          // where this start's part of the log begins
	console  net.Conn       // open from before the guest's first instruction, with ready=console
	notify   *vsockListener // so too, with ready=vsock
	say      func(string)   // what the guest tells while it gets ready; nil: to nobody
	conf     *confd.Config  // for the positions of preflight's errors; nil when recalled
	host     Host           // that it was planned for; nil when recalled
	recalled []hostEnd      // of the running guest, which the files may no longer have
}

// memo is what is recorded of a running guest: as little as status and stop can
// do with, as it is read for every guest each time, and no secret.
type memo struct {
	Binary  string     `json:"binary"`
	Sockets Sockets    `json:"sockets"`
	LogFile string     `json:"log"`
	Stop    StopPolicy `json:"stop"`
	Ready   Ready      `json:"ready"`
	Ends    []hostEnd  `json:"ends,omitempty"`
}

// Inherit is an open file that QEMU finds at a fixed number.
type Inherit struct {
	FD     int    // 3, 4, …
	What   string // "qmp": a listening socket at Path; "tap": an interface put into Bridge; "vsock": the device with CID
	Path   string
	Bridge string
	Ifname string
	CID    uint32
}

// Disk is one disk, CD or block device.
type Disk struct {
	ID       string // "hd0", "cdr0"
	Path     string // as configured; empty when it is not a local file
	Format   string // that QEMU is told; empty: it guesses
	CD       bool
	ReadOnly bool   // never written, be it for snapshot=on
	Shared   bool   // share-rw: may be in use elsewhere
	Var      string // the variable that says so
}

// File is something that QEMU reads at start.
type File struct {
	Role string // "kernel", "initrd", "firmware", "vars"
	Path string
	Var  string // the variable that says so
}

// NIC is one network interface.
type NIC struct {
	Type     string // "bridge", "tap", "user", or another -netdev type
	Bridge   string
	Ifname   string // of the tap on the host
	MAC      string
	Ports    []string // of the host, that lead to it
	Scripted bool     // a script of the administrator's makes use of the tap
	Var      string   // the variable that says so
}

// Sockets are paths; QMP is ours alone, Monitor is for people.
type Sockets struct {
	QMP     string `json:"qmp"`
	Monitor string `json:"monitor"`
	Agent   string `json:"agent,omitempty"`
	Console string `json:"console,omitempty"`
}

// StopPolicy is what the rungs need besides the schedule. It is kept in the
// state record, so that a guest whose conf.d file was broken or deleted while
// it ran can still be stopped as it was meant to be.
type StopPolicy struct {
	Schedule   string   `json:"schedule"`
	Resend     Resend   `json:"acpi_resend"`
	SSHTarget  string   `json:"ssh_target,omitempty"`
	SSHCommand string   `json:"ssh_command,omitempty"`
	SSHOptions []string `json:"ssh_options,omitempty"`
}

// Resend says when the power button is pressed again: after Every of silence
// (zero: never), or Double: a second press half a second after the first.
type Resend struct {
	Every  time.Duration `json:"every,omitempty"`
	Double bool          `json:"double,omitempty"`
}

// Ready says when a start is complete.
type Ready struct {
	How     string        `json:"how"`               // "none", "monitor", "agent", "tcp", "console", "vsock"
	Address string        `json:"address,omitempty"` // tcp: HOST:PORT; empty: Port at an address that one of Cards is found to have
	Port    int           `json:"port,omitempty"`
	Cards   []Card        `json:"cards,omitempty"`
	Banner  bool          `json:"banner,omitempty"`  // tcp through user networking: wants a byte, as slirp accepts for the guest
	Pattern string        `json:"pattern,omitempty"` // console: RE2
	CID     uint32        `json:"cid,omitempty"`     // vsock: whose word counts
	Timeout time.Duration `json:"timeout"`
}

// Card is one of the guest's network cards.
type Card struct {
	MAC  string `json:"mac"`
	Link string `json:"link,omitempty"` // of the host: its bridge, or its tap; empty: whoever opened it chose it
}
