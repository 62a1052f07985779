package main

import (
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/guestrc/guestrc/initd"
	"github.com/guestrc/guestrc/tests/lab"
)

// depends measures what a calculation of OpenRC's dependencies costs with many
// guests, beyond OpenRC's own work on as many scripts of the same length: with
// guestrc, whose cache is fresh or stale, and the way of Gentoo's lxc script, which asks lxc-config
// and has awk read the configuration of every container. One machine each, in
// turn. It is processor time, of all processes: seconds of a shared machine vary
// by more than there is to tell.
func (b *bench) depends() (err error) {
	p := &place{ctx: b.ctx, dir: b.tmp}
	defer p.end()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("cannot measure dependencies: %v", r)
		}
	}()
	layer := p.TempDir()
	if out, err := exec.CommandContext(b.ctx, "make", "install", "DESTDIR="+layer).CombinedOutput(); err != nil {
		return fmt.Errorf("make install: %w: %s", err, out)
	}
	bare, ours, theirs := lab.OpenRC(p), lab.OpenRC(p, lab.Layer(layer)), lab.OpenRC(p)
	// Debian's OpenRC holds every line of a script against patterns (lsb2rcconf).
	padding := strings.Repeat("#\n", strings.Count(initd.Script, "\n"))
	bare.Install("/etc/init.d/guestrc", bareScript+padding, 0o755)
	theirs.Install("/etc/init.d/guestrc", gentooScript+padding, 0o755)
	// OpenRC reads the defaults of a kind for each of its instances.
	defaults, err := ours.ReadFile("/etc/conf.d/lxc")
	if err != nil {
		return err
	}
	for _, m := range []*lab.Machine{bare, theirs} {
		m.Install("/etc/conf.d/lxc", defaults, 0o644)
	}
	all := []*lab.Machine{bare, ours, theirs}
	made := 0
	for _, n := range []int{1, 100, 1000} {
		for _, m := range all {
			m.Must(b.ctx, "sh", "-c", fmt.Sprintf(populate, made+1, n))
		}
		made = n
		if err := b.calculate(n, bare, ours, theirs); err != nil {
			return err
		}
	}
	return nil
}

// populate makes containers %d to %d with a file of LXC's each.
const populate = `
mkdir -p /etc/conf.d /var/lib/lxc
i=%d
while [ $i -le %d ]; do
	mkdir -p /var/lib/lxc/c$i
	printf '%%s\n' 'lxc.uts.name = c' 'lxc.rootfs.path = dir:/srv/c' 'lxc.net.0.type = veth' 'lxc.net.0.link = br0' \
		'lxc.include = /var/lib/lxc/common' > /var/lib/lxc/c$i/config
	echo 'ready=running' > /etc/conf.d/lxc.c$i
	ln -s guestrc /etc/init.d/lxc.c$i
	i=$((i + 1))
done
echo 'lxc.pty.max = 1' > /var/lib/lxc/common
`

// bareScript says what guestrc's says, and looks at nothing.
const bareScript = `#!/sbin/openrc-run
depend() {
	keyword -timeout
	use localmount netmount lxcfs
	want net
	after cgroups firewall iptables ip6tables nftables ebtables ntp-client
	want net.br0
	config /etc/lxc/lxc.conf /var/lib/lxc/${RC_SVCNAME#*.}.conf /var/lib/lxc/${RC_SVCNAME#*.}/config /var/lib/lxc/common
}
start() { :; }
`

// gentooScript does in depend() what Gentoo's and Alpine's scripts do there and
// at their top: programs for each link (research: lxc.initd.9).
const gentooScript = `#!/sbin/openrc-run
path=$(lxc-config lxc.lxcpath)
config=$path/${RC_SVCNAME#*.}/config
depend() {
	config "$config"
	need localmount
	use lxcfs
	after firewall
	for bridge in $(awk -F= '/^[ \t]*lxc.net.*link/ { gsub(/[ \t]/, "", $2); print $2 }' "$config"); do
		want "net.$bridge"
	done
}
start() { :; }
`

// calculate adds the rows for n guests.
func (b *bench) calculate(n int, bare, ours, theirs *lab.Machine) error {
	timed := func(m *lab.Machine, before ...string) func() (time.Duration, error) {
		return func() (time.Duration, error) {
			if len(before) > 0 {
				m.Must(b.ctx, before[0], before[1:]...)
			}
			cmd := m.Command(b.ctx, "rc-update", "-u")
			if err := cmd.Run(); err != nil {
				return 0, err
			}
			return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
		}
	}
	few := *b // a calculation with 1,000 guests takes seconds
	few.runs = max(5, b.runs*20/(20+n))
	fresh, own, err := few.pairs(timed(ours), timed(bare))
	if err != nil {
		return err
	}
	stale, beside, err := few.pairs(timed(ours, "touch", "-d", "2020-01-01", "/run/guestrc/depend/stamp"), timed(bare))
	if err != nil {
		return err
	}
	gentoo, _, err := few.pairs(timed(theirs), func() (time.Duration, error) { return 0, nil })
	if err != nil {
		return err
	}
	what := fmt.Sprintf("processor time of rc-update -u with %d guests", n)
	b.add(what+" whose script does nothing", "", own)
	b.add(what+", guestrc, beyond that, nothing changed", "≤ 50", difference(fresh, own))
	b.add(what+", guestrc, beyond that, after a change", "≤ 50", difference(stale, beside))
	b.add(what+", Gentoo's way, beyond that", "", difference(gentoo, own))
	return nil
}
