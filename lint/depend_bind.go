package lint

import (
	"net/netip"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// isHere tells whether an address, with or without a port, is one that needs no
// interface but loopback: all addresses, loopback, or a socket in the file system.
func isHere(text string) bool {
	if strings.HasPrefix(text, "/") || strings.HasPrefix(text, "unix:") || strings.HasPrefix(text, "*:") || text == "localhost" || strings.HasPrefix(text, "localhost:") {
		return true
	}
	a, ok := address(text)
	return ok && (a.IsLoopback() || a.IsUnspecified())
}

func address(text string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return a, true
	}
	ap, err := netip.ParseAddrPort(text)
	return ap.Addr(), err == nil
}

// binding is an address to listen on, and where the script says it.
type binding struct {
	address string
	at      syntax.Pos
}

// bound finds the addresses that the daemon's arguments tell it to listen on: the
// first that is an interface's own, and whether there is one that is always there.
func (s *script) bound() (own *binding, here bool) {
	for _, a := range s.assigns {
		if a.call != nil || a.value == nil || !strings.HasPrefix(a.name, "command_args") {
			continue
		}
		words := strings.Fields(s.expand(a.value))
		for i, w := range words {
			name, value, ok := strings.Cut(w, "=")
			if !listens(name) {
				continue
			}
			if !ok && i+1 < len(words) {
				value = words[i+1]
			}
			if addr, ok := address(value); isHere(value) {
				here = true
			} else if ok && addr.IsGlobalUnicast() && own == nil {
				own = &binding{addr.String(), a.node.Pos()}
			}
		}
	}
	return own, here
}

// listens tells whether an option's name says that an address to listen on follows.
func listens(option string) bool {
	if !strings.HasPrefix(option, "-") {
		return false
	}
	switch option = strings.ToLower(strings.TrimLeft(option, "-")); option {
	case "bind", "listen", "address", "host", "bind-address", "bind_address", "bind-addr", "bindaddr", "listen-address", "listen_address",
		"listen-addr", "web.listen-address", "http-address", "http-addr", "bind-ip", "bind_ip", "listen-host", "http-host", "bind-host":
		return true
	}
	return false
}
