package lxc

import (
	"github.com/guestrc/guestrc/bridge"
	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/lxc/confile"
	"github.com/guestrc/guestrc/shutdown"
)

// Container is one guest as its files describe it, or as it was recorded.
type Container struct {
	Name   guest.Name
	Layout guest.Layout

	LXCPath    string // directory of containers: part of the command socket's name
	ConfigFile string
	Rootfs     Rootfs
	Arch       string // lxc.arch to pass on; empty: as the configuration says
	ExtraArgs  []string
	LogFile    string
	LogLevel   string

	Stop      StopPolicy
	Schedule  shutdown.Schedule
	Readiness Ready

	Groups []Group       // the cgroups of the run that is on record
	Links  []bridge.Link // the host's ends of its network
	Shares bool          // its network is another container's, whose links are not for us to remove

	overlay  string          // lxc.rootfs.path in place of Rootfs, which stays as it is
	conf     *confd.Config   // for positions; nil when recalled
	file     *confile.Config // what ConfigFile says; nil when recalled
	warnings []*confd.Error
}

// StopPolicy is what the rungs need besides the schedule.
type StopPolicy struct {
	Schedule string   `json:"schedule"`
	Halt     int      `json:"halt,omitempty"`   // signal number; 0: by what PID 1 is
	Reboot   int      `json:"reboot,omitempty"` // the same
	Exec     []string `json:"exec,omitempty"`
}

// Group is a cgroup of a run, and the inode that tells it from a later one of
// the same name.
type Group struct {
	Dir     string `json:"dir"`
	Inode   uint64 `json:"inode"`
	Payload bool   `json:"payload,omitempty"` // holds the container, not its monitor
}

// memo is what is recorded of a running container.
type memo struct {
	LXCPath string        `json:"lxcpath"`
	Config  string        `json:"config"`
	LogFile string        `json:"log"`
	Stop    StopPolicy    `json:"stop"`
	Ready   Ready         `json:"ready"`
	BootID  string        `json:"boot_id"` // numbers of cgroups and links come again after it
	Groups  []Group       `json:"groups,omitempty"`
	Links   []bridge.Link `json:"links,omitempty"`
	Shares  bool          `json:"shares_net,omitempty"`
}

// instance is the name that LXC knows the container by.
func (c *Container) instance() string { return c.Name.Instance }
