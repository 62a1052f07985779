package confile

import (
	"strconv"
	"strings"
)

// numbering finds out which network an old key belongs to. lxc.network.type
// begins one, to which the keys without a number after it belong; one with a
// number means the network begun as the n-th (confile_legacy.c of LXC 2.1).
// Networks get the lowest numbers that nothing in the configuration uses.
type numbering struct {
	taken   map[int]bool // by lxc.net.N, or by lxc.network.N.type
	indexed map[int]bool // by lxc.network.N.type
	free    []int        // numbers for networks without one
	begun   []int        // numbers of networks without one, since the last clear
	last    int          // the network that keys without a number belong to; -1: none
}

func newNumbering(entries []Entry) *numbering {
	n := &numbering{taken: map[int]bool{}, indexed: map[int]bool{}, last: -1}
	for _, e := range entries {
		if number, _, ok := numbered(e.Key, "lxc.net."); ok {
			n.taken[number] = true
		}
		if number, sub, ok := numbered(e.Key, "lxc.network."); ok && sub == ".type" {
			n.taken[number], n.indexed[number] = true, true
		}
	}
	return n
}

// numbered splits lxc.net.N.SUB; sub is empty or begins with what follows N.
func numbered(key, prefix string) (number int, sub string, ok bool) {
	rest, ok := strings.CutPrefix(key, prefix)
	if !ok {
		return 0, "", false
	}
	sub = strings.TrimLeft(rest, "0123456789")
	number, err := strconv.Atoi(rest[:len(rest)-len(sub)])
	return number, sub, err == nil && number < 1<<31-1 // INT_MAX is LXC's limit
}

func netKey(number int, sub string) string { return "lxc.net." + strconv.Itoa(number) + sub }

// translate changes what is about networks.
func (n *numbering) translate(e *Entry) *Error {
	if number, sub, ok := numbered(e.Key, "lxc.net."); ok {
		e.Key = netKey(number, sub) // without zeros in front
		return nil
	}
	sub, ok := strings.CutPrefix(e.Key, "lxc.network.")
	switch number, indexed, hasNumber := numbered(e.Key, "lxc.network."); {
	case e.Key == "lxc.network", sub == "type" && e.Value == "":
		e.Key, e.Legacy = "lxc.net", true
		n.begun, n.last = nil, -1
	case !ok:
	case hasNumber:
		e.Key, e.Legacy = netKey(n.meant(number), address(indexed)), true
		if indexed == ".type" {
			n.last = number
		}
	default:
		if sub == "type" {
			n.begin()
		}
		if n.last < 0 {
			return errorf(e.Pos, "LXC 2 gave it to the network begun last: put it after a lxc.network.type", "%s has no network to belong to", e.Key)
		}
		e.Key, e.Legacy = netKey(n.last, address("."+sub)), true
	}
	return nil
}

// begin numbers the next network.
func (n *numbering) begin() {
	for number := n.next(); len(n.free) <= len(n.begun); number++ {
		if !n.taken[number] {
			n.free = append(n.free, number)
		}
	}
	n.last = n.free[len(n.begun)]
	n.begun = append(n.begun, n.last)
}

func (n *numbering) next() int {
	if len(n.free) == 0 {
		return 0
	}
	return n.free[len(n.free)-1] + 1
}

// meant is the number of the network that an old key's number means.
func (n *numbering) meant(number int) int {
	if n.indexed[number] || number >= len(n.begun) {
		return number
	}
	return n.begun[number]
}

// address: what was ipv4 is ipv4.address now.
func address(sub string) string {
	if sub == ".ipv4" || sub == ".ipv6" {
		return sub + ".address"
	}
	return sub
}
