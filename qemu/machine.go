package qemu

import (
	"net"
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
	Name    guest.Name   `json:"-"`
	Layout  guest.Layout `json:"-"`
	Binary  string       `json:"binary"`  // absolute path of qemu-system-ARCH
	Args    []string     `json:"args"`    // what follows the program's name
	Inherit []Inherit    `json:"inherit"` // files that Args refers to by number, from 3 on

	User  string   `json:"user,omitempty"` // whom QEMU becomes; empty: stays who we are
	UID   int      `json:"uid"`
	GID   int      `json:"gid"`
	Env   []string `json:"env,omitempty"` // NAME=value, added to a minimal environment
	Nice  int      `json:"nice,omitempty"`
	OOM   *int     `json:"oom_score_adj,omitempty"` // nil: inherit
	CPUs  []int    `json:"cpu_affinity,omitempty"`  // host CPUs; one vCPU each when the numbers agree
	VCPUs int      `json:"vcpus"`

	Disks  []Disk `json:"disks,omitempty"`
	Files  []File `json:"files,omitempty"` // others that must be readable: kernel, initrd, firmware
	NICs   []NIC  `json:"nics,omitempty"`
	Memory uint64 `json:"memory"` // bytes
	KVM    bool   `json:"kvm"`    // false: emulated

	Hugepages    string   `json:"hugepages,omitempty"`     // mount point of the hugetlbfs that memory comes from
	VarsTemplate string   `json:"vars_template,omitempty"` // what the file with role "vars" is made from
	Ports        []string `json:"ports,omitempty"`         // of the host, as in guest.Claim

	Sockets Sockets `json:"sockets"`
	LogFile string  `json:"log"`

	Schedule  shutdown.Schedule `json:"-"`
	Stop      StopPolicy        `json:"stop"`
	Readiness Ready             `json:"ready"`

	VNCPassword string `json:"-"` // set over the monitor, never in Args

	warnings []*confd.Error // what does no harm but was surely not meant
	logStart int64          // where this start's part of the log begins
	console  net.Conn       // open from before the guest's first instruction, with ready=console
	conf     *confd.Config  // for the positions of preflight's errors; nil when recalled
}

// Inherit is an open file that QEMU finds at a fixed number.
type Inherit struct {
	FD     int    `json:"fd"`   // 3, 4, …
	What   string `json:"what"` // "qmp": a listening socket at Path; "tap": an interface put into Bridge
	Path   string `json:"path,omitempty"`
	Bridge string `json:"bridge,omitempty"`
	Ifname string `json:"ifname,omitempty"`
}

// Disk is one disk, CD or block device.
type Disk struct {
	ID       string `json:"id"`                 // "hd0", "cdr0"
	Path     string `json:"path"`               // as configured; empty when it is not a local file
	ReadOnly bool   `json:"readonly,omitempty"` // never written, be it for snapshot=on
	Shared   bool   `json:"shared,omitempty"`   // share-rw: may be in use elsewhere
	Var      string `json:"-"`                  // the variable that says so
}

// File is something that QEMU reads at start.
type File struct {
	Role string `json:"role"` // "kernel", "initrd", "firmware", "vars"
	Path string `json:"path"`
	Var  string `json:"-"` // the variable that says so
}

// NIC is one network interface.
type NIC struct {
	Type     string   `json:"type"` // "bridge", "tap", "user", or another -netdev type
	Bridge   string   `json:"bridge,omitempty"`
	Ifname   string   `json:"ifname,omitempty"` // of the tap on the host
	MAC      string   `json:"mac"`
	Ports    []string `json:"ports,omitempty"`    // of the host, that lead to it
	Scripted bool     `json:"scripted,omitempty"` // a script of the administrator's makes use of the tap
	Var      string   `json:"-"`                  // the variable that says so
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

	AllowUnsafeKill bool `json:"allow_unsafe_kill,omitempty"` // see package pidfile
}

// Resend says when the power button is pressed again: after Every of silence
// (zero: never), or Double: a second press half a second after the first.
type Resend struct {
	Every  time.Duration `json:"every,omitempty"`
	Double bool          `json:"double,omitempty"`
}

// Ready says when a start is complete.
type Ready struct {
	How     string        `json:"how"`               // "none", "monitor", "agent", "tcp", "console"
	Address string        `json:"address,omitempty"` // tcp: HOST:PORT
	Banner  bool          `json:"banner,omitempty"`  // tcp through user networking: wants a byte, as slirp accepts for the guest
	Pattern string        `json:"pattern,omitempty"` // console: RE2
	Timeout time.Duration `json:"timeout"`
}
