package netifrc

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/guestrc/guestrc/bridge"
)

// network reads addresses and routes, of the bridge and of its ports.
func (r *reader) network() {
	spec := &r.c.Spec
	unsaid := r.portConfigs()
	addresses, from, ok := choose(r, setting{ours: "addresses", theirs: []string{"config"}}, r.addresses)
	spec.Addresses = addresses
	silent := len(r.statements(setting{ours: "addresses"})) == 0 && !r.filled("config"+r.suffix)
	spec.Move = silent && len(unsaid) > 0
	if v, said := r.own("move_addresses"); said && v.Text != "" {
		move, err := yes(statement{Value: v})
		if err != nil {
			r.errs = append(r.errs, err)
		}
		spec.Move = move
	} else if v, theirs := r.files.Get("bridge" + r.suffix); silent && theirs {
		does := "it gets no address"
		if spec.Move {
			does = "it gets the addresses of " + strings.Join(unsaid, ", ")
		}
		r.warn(v, fmt.Sprintf(`config%s="null" says that it has none`, r.suffix), "%s has no config%s, for which netifrc asks DHCP and guestrc does not: %s", r.name, r.suffix, does)
	}
	for _, a := range addresses {
		if ok && !a.Prefix.Addr().Is4() && spec.MTU != 0 && spec.MTU < leastMTU6 {
			r.fail(from.Value, "", "%s needs an MTU of at least %d, and it is %d", a.Prefix, leastMTU6, spec.MTU)
			break
		}
	}
	routes, _, _ := choose(r, setting{ours: "routes", theirs: []string{"routes"}}, r.routes)
	metric, _, ok := choose(r, setting{theirs: []string{"metric"}}, parseMetric)
	for i := range routes {
		if ok && routes[i].Metric == 0 {
			routes[i].Metric = metric
		}
	}
	spec.Routes = routes
}

// filled counts a variable that cannot be read.
func (r *reader) filled(name string) bool {
	v, _ := r.files.Get(name)
	_, unread := r.files.Unread(name)
	return unread || strings.TrimSpace(v.Text) != ""
}

// words are a line of config_br0 or routes_br0 while it is read.
type words struct {
	of   statement
	list []string
}

func (w *words) next() (string, bool) {
	if len(w.list) == 0 {
		return "", false
	}
	word := w.list[0]
	w.list = w.list[1:]
	return word, true
}

// value is the word after a keyword.
func (w *words) value(keyword string) (string, error) {
	word, ok := w.next()
	if !ok {
		return "", w.fail("", "%s needs a value", keyword)
	}
	return word, nil
}

func (w *words) fail(hint, format string, args ...any) error {
	return problem(w.of.Value, hint, format, args...)
}

// ip reads an address; a zone or an IPv4 address in IPv6 is none here.
func (w *words) ip(word string) (netip.Addr, error) {
	ip, err := netip.ParseAddr(word)
	if err != nil || ip.Zone() != "" || ip.Is4In6() {
		return netip.Addr{}, w.fail("", "%q is not an address", word)
	}
	return ip, nil
}

// prefix reads ADDRESS/LENGTH or an address alone, which is a host.
func (w *words) prefix(word string) (p netip.Prefix, alone bool, err error) {
	if !strings.Contains(word, "/") {
		ip, err := w.ip(word)
		if err != nil {
			return p, true, err
		}
		return netip.PrefixFrom(ip, ip.BitLen()), true, nil
	}
	p, err = netip.ParsePrefix(word)
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}, false, w.fail("for example 172.16.11.1/24", "%q is not an address with the length of its network", word)
	}
	return p, false, nil
}

// netmask is the number of leading ones of 255.255.255.0 or 0xffffff00.
func (w *words) netmask(word string) (int, error) {
	mask, err := netip.ParseAddr(word)
	if hex, ok := strings.CutPrefix(word, "0x"); ok && len(hex) == 8 {
		var b [4]byte
		if _, err = fmt.Sscanf(hex, "%02x%02x%02x%02x", &b[0], &b[1], &b[2], &b[3]); err == nil {
			mask = netip.AddrFrom4(b)
		}
	}
	if err != nil || !mask.Is4() {
		return 0, w.fail("for example 255.255.255.0", "%q is not a netmask", word)
	}
	n := 0
	b := mask.As4()
	bits := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	for ; bits&(1<<31) != 0; bits <<= 1 {
		n++
	}
	if bits != 0 {
		return 0, w.fail("for example 255.255.255.0", "%q is not a netmask: it has a gap", word)
	}
	return n, nil
}

// lines splits at newlines; empty ones are none.
func lines(s statement) (found []*words) {
	for line := range strings.Lines(s.Text) {
		if list := strings.Fields(line); len(list) > 0 {
			found = append(found, &words{s, list})
		}
	}
	return found
}

// addresses reads config_br0 or addresses. netifrc has an address with its
// words to a line, or addresses alone in one line; here both may be mixed.
func (r *reader) addresses(s statement) (found []bridge.Address, err error) {
	for _, line := range lines(s) {
		for len(line.list) > 0 {
			if first := line.list[0]; first == "null" || first == "noop" {
				line.list = line.list[1:]
				continue
			}
			a, err := r.address(line)
			if err != nil {
				return nil, err
			}
			if slices.ContainsFunc(found, func(b bridge.Address) bool { return a.Prefix == b.Prefix }) {
				r.warn(s.Value, "", "%s is there twice", a.Prefix)
				continue
			}
			found = append(found, a)
		}
	}
	return found, nil
}
