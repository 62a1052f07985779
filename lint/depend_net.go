package lint

import (
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
		if d.kind != "need" || d.name != "net" || own != nil || !d.always { // a condition may have asked for an address
			continue
		}
		if name := s.daemonName(); here {
			s.lesser("GL304", d.at, "", "need net, but the daemon listens on all addresses, or on loopback: it does without an interface")
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
