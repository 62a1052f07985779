package main

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"github.com/guestrc/guestrc/bridge/netifrc"
	"github.com/guestrc/guestrc/bridge/service"
	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/host"
)

// release is set by the Makefile.
var release = "unreleased"

func version(_ context.Context, e *env, _ []string) error {
	fmt.Fprintf(e.stdout, "guestrc %s (%s)\n", release, runtime.Version())
	return nil
}

func help(_ context.Context, e *env, args []string) error {
	if len(args) == 0 {
		e.helpAll()
		return nil
	}
	v := findVerb(args[0])
	if v == nil && e.explainRule(args[0]) {
		return nil
	}
	if v == nil || v.short == "" {
		return usage(fmt.Sprintf("cannot explain %q: there is no such verb or finding", args[0]), "guestrc help")
	}
	fmt.Fprintf(e.stdout, "usage: guestrc %s\n\n%s.\n", strings.TrimSpace(v.name+" "+v.args), upperFirst(v.short))
	if v.long != "" {
		fmt.Fprintln(e.stdout, v.long)
	}
	fmt.Fprintln(e.stdout)
	width := 12
	for _, f := range v.flags {
		width = max(width, len(f.synopsis()))
	}
	for _, f := range append(v.flags, rootFlag) {
		fmt.Fprintf(e.stdout, "  %-*s %s\n", width, f.synopsis(), f.help)
	}
	return nil
}

func (e *env) helpAll() {
	fmt.Fprint(e.stdout, `guestrc runs QEMU guests, LXC containers and bridges as services of OpenRC and systemd.

usage: guestrc [--root DIR] VERB [FLAGS] [KIND.NAME...]

`)
	for _, v := range verbs() {
		fmt.Fprintf(e.stdout, "  %-11s %s\n", v.name, v.short)
	}
	fmt.Fprint(e.stdout, `
A guest is KIND.NAME; /etc/conf.d/KIND.NAME describes it, and a container LXC's
own configuration file. A bridge is net.NAME. For example:

  echo 'disk0_file="/srv/db.qcow2"' > /etc/conf.d/qemu.db
  guestrc plan qemu.db                # what would run
  guestrc enable qemu.db              # a service that starts at boot
  rc-service qemu.db start            # OpenRC
  systemctl start guestrc-qemu@db     # systemd
  guestrc exec lxc.web -- apk update  # inside /var/lib/lxc/web

guestrc help VERB, man 8 guestrc and man 5 guestrc.conf say more.
`)
}

// synopsis is "-x, --exec PATH".
func (f flag) synopsis() string {
	text := strings.TrimSpace("--" + f.name + " " + f.value)
	if f.short != "" {
		text = "-" + f.short + ", " + text
	}
	return text
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func vars(_ context.Context, e *env, args []string) error {
	var table confd.Table
	intro := sampleIntro
	k := kindNamed(args[0])
	switch {
	case k != nil:
		table = k.Vars()
	case args[0] == service.Kind:
		table, intro = netifrc.Vars("NAME"), bridgeIntro
	case args[0] == hostConf:
		table, intro = host.Vars, hostIntro
	default:
		return usage(fmt.Sprintf("cannot show the variables of %q: there is no such kind", args[0]), "kinds: "+serviceKinds(", ")+"; "+hostConf+" for all guests together")
	}
	if sample, _ := e.flags.GetBool("sample"); sample {
		return table.Sample(e.stdout, fmt.Sprintf(intro, args[0]))
	}
	return table.List(e.stdout, e.out.width)
}

// sampleIntro explains the file that "vars --sample" prints.
const sampleIntro = `Variables of %[1]s guests. /etc/conf.d/%[1]s holds what all have in common, /etc/conf.d/%[1]s.NAME describes one.
The file is read, not run: write NAME="value". See guestrc.conf(5).`

// hostConf is the name of the conf.d file that concerns all guests together.
const hostConf = "guestrc"

const hostIntro = `Variables of /etc/conf.d/%[1]s, which concern all guests together.
The file is read, not run: write NAME="value". See guestrc.conf(5).`

const bridgeIntro = `Variables of bridges. /etc/conf.d/net.NAME describes one; those with its name in them are netifrc's, and are read in /etc/conf.d/net.
Both files are read, not run: write NAME="value". See guestrc.conf(5).`
