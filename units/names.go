package units

import (
	"fmt"
	"slices"
	"strings"
)

// Counterpart is what stands for a service of OpenRC's under systemd. Both
// lists are empty for what is true before any unit of ours starts.
type Counterpart struct {
	Units []string // to be pulled in, where that is wanted, and ordered
	Order []string // to be ordered by, not pulled in; if empty, Units
}

// Ordering is what the service is a place in the order for.
func (c Counterpart) Ordering() []string {
	if len(c.Order) > 0 {
		return c.Order
	}
	return c.Units
}

// IsTarget tells whether a unit is a point in the boot, which cannot fail: it
// may be wanted, but to require it would only spread stops.
func IsTarget(unit string) bool { return strings.HasSuffix(unit, ".target") }

// alias says what a name of OpenRC's means where it is not, or not always,
// NAME.service.
type alias struct {
	pull  []string // targets to be pulled in
	order []string // passive targets: whoever provides them pulls them in (systemd.special(7))
	first []string // services, of which the first that exists is meant
	all   []string // services that share a job: those that exist go first, those that are enabled are meant
}

var aliases = map[string]alias{
	// systemd.special(7): to be online must be asked for.
	"net":        {pull: []string{"network-online.target"}, order: []string{"network.target"}},
	"localmount": {order: []string{"local-fs.target"}},
	"netmount":   {pull: []string{"remote-fs.target"}},
	"nfsmount":   {pull: []string{"remote-fs.target"}},
	"nfsclient":  {pull: []string{"nfs-client.target"}, order: []string{"nfs-client.target", "remote-fs-pre.target"}},
	"dns":        {order: []string{"nss-lookup.target"}},
	"ntp-client": {order: []string{"time-sync.target"}},
	"ntpdate":    {order: []string{"time-sync.target"}},
	"sntp":       {order: []string{"time-sync.target"}},

	// Never pulled in unless enabled: nftables.service, for one, is there on many
	// hosts and begins with a flush of all rules.
	"firewall": {all: []string{"nftables.service", "iptables.service", "ip6tables.service", "firewalld.service", "ufw.service",
		"shorewall.service", "ferm.service", "netfilter-persistent.service"}},

	"modules": {first: []string{"systemd-modules-load.service"}},
	"sysctl":  {first: []string{"systemd-sysctl.service"}},
	"dmcrypt": {order: []string{"cryptsetup.target"}},
	"elogind": {first: []string{"systemd-logind.service"}},

	"sshd":         {first: []string{"ssh.service", "sshd.service"}},
	"ntpd":         {first: []string{"ntpd.service", "ntp.service", "ntpsec.service", "openntpd.service", "chrony.service", "chronyd.service"}, order: []string{"time-sync.target"}},
	"chronyd":      {first: []string{"chrony.service", "chronyd.service"}, order: []string{"time-sync.target"}},
	"cron":         {first: []string{"cron.service", "cronie.service", "crond.service"}},
	"cronie":       {first: []string{"cronie.service", "crond.service", "cron.service"}},
	"dcron":        {first: []string{"crond.service", "cron.service"}},
	"mta":          {first: []string{"postfix.service", "exim4.service", "exim.service", "opensmtpd.service", "sendmail.service"}},
	"libvirtd":     {first: []string{"libvirtd.service", "virtqemud.service"}},
	"mysql":        {first: []string{"mysql.service", "mariadb.service", "mysqld.service"}},
	"mariadb":      {first: []string{"mariadb.service", "mysql.service"}},
	"redis":        {first: []string{"redis.service", "redis-server.service"}},
	"apache2":      {first: []string{"apache2.service", "httpd.service"}},
	"named":        {first: []string{"named.service", "bind9.service"}},
	"nfs":          {first: []string{"nfs-server.service", "nfs-kernel-server.service"}},
	"samba":        {first: []string{"samba.service", "smbd.service", "smb.service"}},
	"ovs-vswitchd": {first: []string{"ovs-vswitchd.service", "openvswitch-switch.service", "openvswitch.service"}},
}

// satisfied is what systemd has done before any unit of ours starts, or what it
// has nothing of.
var satisfied = strings.Fields(`bootmisc cgroups clock consolefont dev dev-settle devfs device-mapper dmesg fsck hostname
	hwclock keymaps killprocs logger loopback lvm mdev mount-ro mtab net.lo procfs root save-termencoding seedrng swap swapfiles
	swclock sysfs termencoding udev udev-settle udev-trigger urandom`)

// Counterpart finds what stands for a service of OpenRC's; ok is false if
// nothing does.
func (f *Files) Counterpart(service string) (c Counterpart, ok bool) {
	if slices.Contains(satisfied, service) {
		return Counterpart{}, true
	}
	a, known := aliases[service]
	if !known {
		a.first = generic(service)
	}
	if i := slices.IndexFunc(a.first, f.Exists); i >= 0 {
		return Counterpart{Units: a.first[i : i+1]}, true
	}
	c = Counterpart{Units: a.pull, Order: a.order}
	for _, unit := range a.all {
		if f.Exists(unit) {
			c.Order = append(c.Order, unit)
		}
		if f.Exists(unit) && f.Enabled(unit) {
			c.Units = append(c.Units, unit)
		}
	}
	return c, len(c.Units)+len(c.Order) > 0
}

// generic are units that a service may have by its name alone: as a unit's name,
// NAME.service, of NAME.INSTANCE an instance, of NAME-9.6 NAME.service.
func generic(service string) []string {
	units := []string{service, Unknown(service)}
	if name, instance, ok := strings.Cut(service, "."); ok {
		units = append(units, Unknown(name+"@"+instance))
	}
	if name := strings.TrimRight(service, "0123456789."); strings.HasSuffix(name, "-") {
		units = append(units, Unknown(strings.TrimSuffix(name, "-")))
	}
	return units
}

// Unknown is the unit to name for a service that has no counterpart: systemd
// will say that it cannot find it.
func Unknown(service string) string {
	var b strings.Builder
	for i := range len(service) {
		if c := service[i]; c == '@' || c == '-' || isPlainByte(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	return b.String() + ".service"
}
