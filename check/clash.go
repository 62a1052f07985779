package check

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/finding"
	"github.com/guestrc/guestrc/guest"
)

// Held is what one guest has to itself.
type Held struct {
	Guest string
	Holds []guest.Hold
	Loads bool // it counts for what all guests together need: it starts at boot, or runs
}

// sorts are the ids of what two guests may not have in common, and what each is
// called.
var sorts = map[string]struct{ id, what string }{
	guest.HoldMAC:    {"GR302", "the MAC address"},
	guest.HoldDisk:   {"GR202", "the disk"},
	guest.HoldPort:   {"GR305", "the port"},
	guest.HoldLink:   {"GR306", "the interface"},
	guest.HoldCID:    {"GR307", "the vsock identifier"},
	guest.HoldHost:   {"GR308", "the name"},
	guest.HoldUUID:   {"GR310", "the UUID"},
	guest.HoldSocket: {"GR311", "the path"},
	guest.HoldCPU:    {"GR407", "the CPU"},
}

// holding is one hold, and whose it is.
type holding struct {
	guest string
	guest.Hold
}

// Clashes compares what all guests have to themselves. A clash is told of each
// guest that about accepts, at its own line, with the others by name and line.
func Clashes(all []Held, about func(guest string) bool) []finding.Finding {
	same := map[string][]holding{}
	for _, held := range all {
		for _, h := range held.Holds {
			if _, known := sorts[h.Sort]; known {
				key := h.Sort + " " + h.Key
				if h.Sort == guest.HoldPort {
					protocol, _, port := splitPort(h.Key)
					key = h.Sort + " " + protocol + port
				}
				same[key] = append(same[key], holding{held.Guest, h})
			}
		}
	}
	var found []finding.Finding
	cpus := map[string]*pinned{}
	for _, key := range slices.Sorted(maps.Keys(same)) {
		group := same[key]
		if len(group) == 1 {
			continue
		}
		for i := range group {
			h := &group[i]
			if !about(h.guest) {
				continue
			}
			others := h.others(group)
			switch {
			case others.count == 0:
			case h.Sort == guest.HoldCPU:
				if cpus[h.guest] == nil {
					cpus[h.guest] = &pinned{holding: h, with: map[string]bool{}}
				}
				cpus[h.guest].add(h, group)
			default:
				found = append(found, h.finding(others))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cpus)) {
		found = append(found, cpus[name].finding())
	}
	return found
}

// crowd is some guests, of which only the first are named.
type crowd struct {
	count int
	first []*holding
	mixed bool // not all are containers
}

// most is how many others are named.
const most = 3

func (c *crowd) add(h *holding) {
	if c.count++; c.count <= most {
		c.first = append(c.first, h)
	}
	c.mixed = c.mixed || !strings.HasPrefix(h.guest, "lxc.")
}

// others are those of a group that h clashes with, one of each guest: what one
// guest has twice stands together.
func (h *holding) others(group []holding) (c crowd) {
	last := ""
	for i := range group {
		if o := &group[i]; o.guest != last && h.clashes(o) {
			last = o.guest
			c.add(o)
		}
	}
	return c
}

func (h *holding) clashes(o *holding) bool {
	return o.guest != h.guest && !(o.Shared && h.Shared) && (h.Sort != guest.HoldPort || samePort(h.Key, o.Key))
}

func (h *holding) finding(others crowd) finding.Finding {
	id, what := sorts[h.Sort].id, sorts[h.Sort].what
	if h.Sort == guest.HoldDisk && strings.HasPrefix(h.guest, "lxc.") && !others.mixed {
		id, what = "GR513", "the rootfs"
	}
	return Rules().New(id, h.guest, h.Pos, fmt.Sprintf("%s %s is also that of %s", what, cmp.Or(h.Text, h.Key), others), "")
}

// pinned gathers a guest's CPUs that others have too: a finding for each of them
// would say one thing many times.
type pinned struct {
	*holding
	numbers []int
	others  crowd
	with    map[string]bool
}

func (p *pinned) add(h *holding, group []holding) {
	if n, err := strconv.Atoi(h.Key); err == nil && !slices.Contains(p.numbers, n) {
		p.numbers = append(p.numbers, n)
	}
	for i := range group {
		if o := &group[i]; !p.with[o.guest] && h.clashes(o) {
			p.with[o.guest] = true
			p.others.add(o)
		}
	}
}

func (p *pinned) finding() finding.Finding {
	slices.Sort(p.numbers)
	var words []string
	for _, n := range p.numbers {
		words = append(words, strconv.Itoa(n))
	}
	noun := "the CPU"
	if len(words) > 1 {
		noun = "the CPUs"
	}
	return Rules().New("GR407", p.guest, p.Pos, fmt.Sprintf("it is pinned to %s %s, and so is %s", noun, strings.Join(words, ","), p.others), "")
}

// String names the first, each with the place that says so.
func (c crowd) String() string {
	var words []string
	for _, h := range c.first {
		words = append(words, h.guest+place(h.Pos))
	}
	if c.count > most {
		words = append(words, fmt.Sprintf("%d more", c.count-most))
	}
	return join(words)
}

func place(at confd.Pos) string {
	if at.Line == 0 {
		return " (by default)"
	}
	at.Col = 0
	return " (" + at.String() + ")"
}

func join(words []string) string {
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
	return strings.Join(words, "")
}

// samePort compares PROTOCOL:ADDRESS:PORT; an address of all zeros is any.
func samePort(a, b string) bool {
	protocolA, addressA, portA := splitPort(a)
	protocolB, addressB, portB := splitPort(b)
	anywhere := func(address string) bool { return address == "" || address == "0.0.0.0" || address == "[::]" }
	return protocolA == protocolB && portA == portB && (addressA == addressB || anywhere(addressA) || anywhere(addressB))
}

func splitPort(s string) (protocol, address, port string) {
	protocol, rest, _ := strings.Cut(s, ":")
	colon := max(strings.LastIndexByte(rest, ':'), 0)
	return protocol, rest[:colon], rest[colon:]
}
