package lint

import (
	"net/netip"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// network holds what the script surely does with the network against what it
// says of it.
func (s *script) network(r relations) {
	own, here := s.bound()
	if !r.open && !r.waits(aboutNet) && !r.says("provide", aboutNet) && !r.says("before", aboutNet) {
		if what, at := s.surfs(); what != "" {
			s.report("GL301", at, "", "%s needs the network, and depend() says nothing of it", what)
		} else if own != nil {
			s.report("GL301", own.at, "", "the daemon takes the address %s, which is there when its interface is up, and depend() says nothing of it", own.address)
		}
	}
	for _, d := range r.all {
		if d.kind != "need" || d.name != "net" || own != nil {
			continue
		}
		if name := s.daemonName(); here {
			s.report("GL304", d.at, "", "need net, but the daemon listens on all addresses, or on loopback: it does without an interface")
		} else if listensEverywhere(name) {
			s.lesser("GL304", d.at, "", "need net, but %s listens on all addresses unless its configuration names one: it does without an interface", name)
		}
	}
}

// aboutNet tells whether a service has to do with the network being there.
func aboutNet(name string) bool {
	name = strings.TrimPrefix(name, "!")
	switch name {
	case "dns", "firewall", "iptables", "ip6tables", "nftables", "rpcbind", "portmap", "ntpd", "ntp-client", "chronyd", "*",
		"dhcpcd", "connman", "wpa_supplicant", "iwd", "wicd", "openvpn", "tailscale", "zerotier-one", "hostapd", "named", "unbound", "dnsmasq":
		return true
	}
	return strings.Contains(strings.ToLower(name), "net") || strings.HasPrefix(name, "nfs") || strings.HasPrefix(name, "wg-")
}

// surfs finds a command that surely talks to another host when the service is
// started.
func (s *script) surfs() (what string, at syntax.Pos) {
	switch name := s.daemonName(); name {
	case "ntpdate", "rdate", "sntp":
		return name, s.global("command").node.Pos()
	}
	reached := s.reachable("start", "start_pre", "start_post")
	for _, c := range s.calls {
		if c.in == nil || !reached[c.in.name] || s.funcs[c.name] != nil || len(c.args) == 0 {
			continue
		}
		if what := s.surf(c); what != "" {
			return what, c.node.Pos()
		}
	}
	return "", syntax.Pos{}
}

// surf is what a command does with another host, empty if that is not certain.
func (s *script) surf(c *call) string {
	switch name := c.base(); name {
	case "ntpdate", "rdate", "sntp", "mount.nfs", "mount.nfs4", "mount.cifs", "nslookup", "dig":
		return name
	case "wget", "curl", "git":
		if host := s.remoteURL(c); host != "" {
			return name + " from " + host
		}
	case "mount":
		switch kind := s.option(c, "-t"); kind {
		case "nfs", "nfs4", "cifs", "smbfs":
			return "mount -t " + kind
		}
	case "ping", "ping6", "nc", "telnet":
		for _, w := range c.args {
			if a, ok := address(s.expand(w)); ok && a.IsGlobalUnicast() {
				return name + " " + a.String()
			}
		}
	case "ssh", "scp", "rsync", "sshfs":
		for _, w := range c.args {
			if _, host, ok := strings.Cut(s.expand(w), "@"); ok && !strings.ContainsAny(host, Hole+"@ /") && host != "" && !isHere(host) {
				return name + " to " + strings.TrimRight(host, ":")
			}
		}
	}
	return ""
}

// reachable are the functions that run when one of those runs.
func (s *script) reachable(names ...string) map[string]bool {
	reached := map[string]bool{}
	for len(names) > 0 {
		name := names[0]
		names = names[1:]
		f := s.funcs[name]
		if f == nil || reached[name] {
			continue
		}
		reached[name] = true
		for _, c := range f.calls {
			names = append(names, c.name)
		}
	}
	return reached
}

// remoteURL is the host of an URL among the arguments, if it is another one.
func (s *script) remoteURL(c *call) string {
	for _, w := range c.args {
		_, rest, ok := strings.Cut(s.expand(w), "://")
		if !ok {
			continue
		}
		host := rest
		if i := strings.IndexAny(host, "/?#"); i >= 0 {
			host = host[:i]
		}
		host = host[strings.LastIndexByte(host, '@')+1:]
		if strings.Contains(host, Hole) || host == "" || isHere(host) {
			continue
		}
		return host
	}
	return ""
}

// option is the word after an option.
func (s *script) option(c *call, name string) string {
	for i, w := range c.args {
		if text, ok := Literal(w); ok && text == name && i+1 < len(c.args) {
			return s.expand(c.args[i+1])
		}
	}
	return ""
}

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

// daemonName is the program that the script starts by default.
func (s *script) daemonName() string {
	a := s.global("command")
	if a == nil {
		return ""
	}
	path := s.expand(a.value)
	return path[strings.LastIndexByte(path, '/')+1:]
}

// listensEverywhere tells whether a server is one that listens on all addresses,
// or on loopback, if its configuration says nothing else.
func listensEverywhere(name string) bool {
	switch name {
	case "sshd", "nginx", "httpd", "apache2", "lighttpd", "caddy", "redis-server", "memcached", "vsftpd", "proftpd", "pure-ftpd",
		"mysqld", "mariadbd", "postgres", "mosquitto", "dovecot", "cupsd", "rsyncd", "haproxy", "varnishd", "php-fpm", "grafana-server", "prometheus":
		return true
	}
	return false
}
