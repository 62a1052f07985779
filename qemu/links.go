package qemu

import (
	"slices"

	"github.com/guestrc/guestrc/guest"
)

// nics checks bridges, taps and addresses.
func (i *inspection) nics(running []guest.Claim) {
	for _, nic := range i.m.NICs {
		switch {
		case nic.Type == "bridge" && nic.Bridge != "": // else its name cannot be one, which was told
			i.bridge(nic)
			if nic.Ifname != "" {
				i.freeIfname(nic, running)
			}
		case nic.Type == "tap" && nic.Ifname != "":
			i.tap(nic, running)
		}
		for _, other := range running {
			if slices.Contains(other.MACs, nic.MAC) {
				i.fail(i.firstSet(nic.Var+"_mac", nic.Var), nic.Var+"_mac= gives it another",
					"%s is the MAC address of the running guest %s", nic.MAC, other.Guest).WithID("GR302")
			}
		}
	}
}

// firstSet is the variable to blame: one that the files set, else the first.
func (i *inspection) firstSet(variables ...string) string {
	for _, v := range variables {
		if i.m.conf != nil {
			if _, ok := i.m.conf.Filled(v); ok {
				return v
			}
		}
	}
	return variables[0]
}

func (i *inspection) bridge(nic NIC) {
	variable := i.firstSet(nic.Var+"_br", nic.Var)
	switch driver, err := i.host.LinkDriver(nic.Bridge); {
	case err != nil:
		i.fail(variable, "", "cannot use bridge %s: %v", nic.Bridge, err).WithID("GR301")
	case driver == "":
		i.fail(variable, bridgeHint(nic.Bridge), "cannot use bridge %s: there is no such interface", nic.Bridge).WithID("GR301")
	case driver != "bridge":
		i.fail(variable, "ip link show type bridge lists what is", "cannot use %s: it is not a bridge", nic.Bridge).WithID("GR301")
	}
}

// freeIfname: the name of a tap that is to be made.
func (i *inspection) freeIfname(nic NIC, running []guest.Claim) {
	variable := i.firstSet(nic.Var+"_ifname", nic.Var)
	if other := holder(running, nic.Ifname); other != "" {
		i.fail(variable, nic.Var+"_ifname= names another", "interface %s belongs to the running guest %s", nic.Ifname, other).WithID("GR306")
		return
	}
	if slices.Contains(i.ownTaps, nic.Ifname) {
		return // it goes before it is made anew
	}
	if driver, err := i.host.LinkDriver(nic.Ifname); err != nil || driver != "" {
		i.fail(variable, "ip link del "+nic.Ifname+", or "+nic.Var+"_ifname= names another", "cannot make tap %s: an interface of that name exists", nic.Ifname).WithID("GR306")
	}
}

// tap: one that the administrator made, unless a script is to make use of it.
func (i *inspection) tap(nic NIC, running []guest.Claim) {
	variable := nic.Var + "_ifname"
	if other := holder(running, nic.Ifname); other != "" {
		i.fail(variable, "", "interface %s belongs to the running guest %s", nic.Ifname, other).WithID("GR306")
		return
	}
	if nic.Scripted {
		return
	}
	switch driver, err := i.host.LinkDriver(nic.Ifname); {
	case err != nil:
		i.fail(variable, "", "cannot use tap %s: %v", nic.Ifname, err).WithID("GR301")
	case driver == "":
		i.fail(variable, "ip tuntap add "+nic.Ifname+" mode tap, or "+nic.Var+"=bridge, which makes its own", "cannot use tap %s: there is no such interface", nic.Ifname).WithID("GR301")
	case driver != "tun":
		i.fail(variable, "", "cannot use %s: it is not a tap", nic.Ifname).WithID("GR301")
	}
}

// holder is the running guest that has a tap.
func holder(running []guest.Claim, ifname string) string {
	for _, other := range running {
		if slices.Contains(other.Taps, ifname) {
			return other.Guest
		}
	}
	return ""
}
