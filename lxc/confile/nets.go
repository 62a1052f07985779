package confile

import (
	"maps"
	"slices"
)

// Net is one lxc.net.N.
type Net struct {
	Index       int
	Type        string // veth, macvlan, phys, …, empty, none
	Link        string // the host's interface or bridge
	Name        string // of the interface inside
	HWAddr      string // an x in it stands for any digit, chosen at each start
	MTU         string
	Flags       string // "up"
	VethPair    string // the host's end
	VethMode    string // "bridge" when empty
	IPv4, IPv6  []string
	IPv4Gateway string
	IPv6Gateway string
	ScriptUp    string
	ScriptDown  string
	Pos         Pos // of its type, else of what names it first
}

// Nets returns the networks in effect, by number. A network's type forgets all
// that was said of that network before, as in LXC.
func (c *Config) Nets() []Net {
	groups := map[int]*Config{}
	for _, e := range c.Entries {
		number, sub, ok := numbered(e.Key, "lxc.net.")
		switch {
		case e.Key == "lxc.net":
			clear(groups)
		case !ok:
		case sub == "":
			delete(groups, number)
		case groups[number] != nil:
			groups[number].Entries = append(groups[number].Entries, e)
		case e.Value != "":
			groups[number] = &Config{Entries: []Entry{e}}
		}
	}
	var nets []Net
	for _, number := range slices.Sorted(maps.Keys(groups)) {
		nets = append(nets, groups[number].net(number))
	}
	return nets
}

// net is the network of that number, which all entries are about.
func (c *Config) net(number int) Net {
	value := func(sub string) string {
		e, _ := c.Get(netKey(number, sub))
		return e.Value
	}
	values := func(sub string) (all []string) {
		for _, e := range c.All(netKey(number, sub)) {
			all = append(all, e.Value)
		}
		return all
	}
	n := Net{
		Index: number, Type: value(".type"), Link: value(".link"), Name: value(".name"),
		HWAddr: value(".hwaddr"), MTU: value(".mtu"), Flags: value(".flags"),
		VethPair: value(".veth.pair"), VethMode: value(".veth.mode"),
		IPv4: values(".ipv4.address"), IPv4Gateway: value(".ipv4.gateway"),
		IPv6: values(".ipv6.address"), IPv6Gateway: value(".ipv6.gateway"),
		ScriptUp: value(".script.up"), ScriptDown: value(".script.down"),
		Pos: c.Entries[0].Pos,
	}
	if e, ok := c.Get(netKey(number, ".type")); ok {
		n.Pos = e.Pos
	}
	return n
}
