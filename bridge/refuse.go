package bridge

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// hinted is a refusal with what to do about it.
type hinted struct {
	error
	hint string
}

func (h *hinted) HintText() string { return h.hint }

// checkKept refuses ports that keep addresses: what arrives at a port is the
// bridge's, so that they would cut the host off.
func (p *plan) checkKept() error {
	var errs []error
	for _, l := range p.ports {
		name := l.Attrs().Name
		if p.spec.Move || slices.Contains(p.spec.NoAddresses, name) {
			continue
		}
		for _, a := range p.now.addrsOf(l.Attrs().Index) {
			if a.Scope >= unix.RT_SCOPE_LINK || p.shared(a) {
				continue
			}
			errs = append(errs, &hinted{
				fmt.Errorf("cannot plug %s into %s: %s keeps %s, where it does not work: what arrives there is the bridge's", name, p.spec.Name, name, shown(a)),
				fmt.Sprintf("move_addresses=yes makes them those of %s; config_%s=\"null\" takes them off", p.spec.Name, variable(name)),
			})
		}
	}
	return errors.Join(errs...)
}

// variable is the interface's name within one of netifrc's variables.
func variable(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '_'
	}, name)
}

// checkNexthops refuses to take addresses from under nexthop objects, see
// ip-nexthop(8). Routes by these are whoever's who made the objects, and cannot
// be moved or removed as others.
func (p *plan) checkNexthops() error {
	var objects map[int][]uint32
	var errs []error
	for _, l := range p.bare {
		if !p.hasAddrs(l) && len(p.now.routesOf(l.Attrs().Index)) == 0 {
			continue
		}
		if objects == nil {
			var err error
			if objects, err = nexthops(); err != nil {
				return err
			}
		}
		if ids := objects[l.Attrs().Index]; len(ids) > 0 {
			errs = append(errs, &hinted{
				fmt.Errorf("cannot take the addresses off %s: nexthop object %d leads over it", l.Attrs().Name, ids[0]),
				fmt.Sprintf("ip nexthop shows it; whoever made it, as FRR does, has to use %s instead", p.spec.Name),
			})
		}
	}
	return errors.Join(errs...)
}

// nexthops are the numbers of nexthop objects by their links.
func nexthops() (map[int][]uint32, error) {
	dump, err := whole(func() ([][]byte, error) {
		req := nl.NewNetlinkRequest(unix.RTM_GETNEXTHOP, unix.NLM_F_DUMP)
		req.AddRawData(make([]byte, sizeofNhmsg))
		return req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWNEXTHOP)
	})
	if errors.Is(err, unix.EOPNOTSUPP) { // before Linux 5.3
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot list nexthop objects: %w", err)
	}
	objects := map[int][]uint32{}
	for _, msg := range dump {
		var id, link uint32
		for _, a := range nested(msg[min(sizeofNhmsg, len(msg)):]) {
			switch {
			case len(a.Value) != 4:
			case a.Attr.Type == unix.NHA_ID:
				id = binary.NativeEndian.Uint32(a.Value)
			case a.Attr.Type == unix.NHA_OIF:
				link = binary.NativeEndian.Uint32(a.Value)
			}
		}
		objects[int(link)] = append(objects[int(link)], id)
	}
	return objects, nil
}

const sizeofNhmsg = 8 // struct nhmsg of include/uapi/linux/nexthop.h
