package netifrc

import (
	"math"
	"net/netip"
	"strings"
	"time"

	"github.com/guestrc/guestrc/bridge"
	"github.com/guestrc/guestrc/confd"
)

// isAddress is netifrc's way to tell one from the name of a module, such as
// dhcp.
func isAddress(word string) bool {
	return word != "" && (word[0] >= '0' && word[0] <= '9' || strings.Contains(word, ":"))
}

// address reads one, and the words of ip-address(8) that follow it.
func (r *reader) address(w *words) (a bridge.Address, err error) {
	word, _ := w.next()
	if !isAddress(word) {
		hint := "write an address, or null for none"
		if !w.of.ours {
			hint += "; or leave the bridge to netifrc: ln -sfn net.lo /etc/init.d/net." + r.name
		}
		return a, w.fail(hint, "%q: guestrc sets addresses, and runs no DHCP client or the like", word)
	}
	prefix, alone, err := w.prefix(word)
	if err != nil {
		return a, err
	}
	if ip := prefix.Addr(); ip.IsUnspecified() || ip.IsMulticast() {
		return a, w.fail("", "%s is not an address of an interface", ip)
	}
	a.Prefix = prefix
	for len(w.list) > 0 && !isAddress(w.list[0]) && err == nil {
		keyword, _ := w.next()
		err = r.addressWord(&a, &alone, keyword, w)
	}
	if err == nil && alone && !a.Peer.IsValid() {
		hint := "write " + word + "/24, if its network has 24 bits"
		if w.of.ours {
			return a, w.fail(hint, "%s has no length of its network", word)
		}
		r.warn(w.of.Value, hint, "%s has no length of its network, and is %s", word, a.Prefix)
	}
	return a, err
}

// addressWord reads one keyword. Those that netifrc shortens are here in full.
func (r *reader) addressWord(a *bridge.Address, alone *bool, keyword string, w *words) error {
	ip := a.Prefix.Addr()
	switch keyword {
	case "nodad":
		a.NoDAD = true
		return nil
	case "noprefixroute":
		a.NoPrefixRoute = true
		return nil
	case "netmask", "broadcast", "brd", "peer", "pointopoint", "pointtopoint", "label", "scope", "valid_lft", "preferred_lft":
	default:
		return w.fail("", "%q after an address is not known to guestrc", keyword)
	}
	word, err := w.value(keyword)
	if err != nil {
		return err
	}
	switch keyword {
	case "netmask":
		var n int
		if n, err = w.netmask(word); err == nil {
			if !ip.Is4() || !*alone {
				return w.fail("leave it out", "netmask after %s", a.Prefix)
			}
			a.Prefix, *alone = netip.PrefixFrom(ip, n), false
		}
	case "broadcast", "brd":
		switch {
		case !ip.Is4():
			err = w.fail("leave it out", "IPv6 has no broadcast address")
		case word == "-":
			a.Broadcast = netip.IPv4Unspecified()
		case word != "+":
			if a.Broadcast, err = w.ip(word); err == nil && !a.Broadcast.Is4() {
				err = w.fail("", "%s is not an IPv4 address", word)
			}
		}
	case "peer", "pointopoint", "pointtopoint":
		if a.Peer, _, err = w.prefix(word); err == nil && a.Peer.Addr().Is4() != ip.Is4() {
			err = w.fail("", "%s and %s are not of one family", ip, word)
		}
	case "label":
		a.Label = word
		if !ip.Is4() || word != r.name && !strings.HasPrefix(word, r.name+":") || len(word) > maxName {
			err = w.fail("for example "+r.name+":1", "%q cannot be a label: it is for IPv4, and is the bridge's name or that with a colon and more", word)
		}
	case "scope":
		a.Scope, err = w.scope(word)
	case "valid_lft":
		a.Valid, err = w.lifetime(word)
	case "preferred_lft":
		a.Preferred, err = w.lifetime(word)
	}
	return err
}

// scope is one of /etc/iproute2/rt_scopes or a number.
func (w *words) scope(word string) (string, error) {
	switch word {
	case "global", "site", "link", "host":
		return word, nil
	}
	_, err := number(confd.Value{Name: w.of.Name + ": scope", Text: word, Pos: w.of.Pos}, 255)
	return word, err
}

func (w *words) lifetime(word string) (*time.Duration, error) {
	if word == "forever" {
		return nil, nil
	}
	n, err := number(confd.Value{Name: w.of.Name + ": lifetime", Text: strings.TrimSuffix(word, "sec"), Pos: w.of.Pos}, math.MaxUint32-1)
	d := time.Duration(n) * time.Second
	return &d, err
}
