package qemu

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/deps"
	"github.com/guestrc/guestrc/guest"
)

// Depends is what the service of one guest depends on: the bridges of its
// interfaces, as bridge_dep says, and the local files that QEMU opens. A tap of
// the administrator's is used where a service makes it. The firmware that
// firmware=uefi finds on the host, extra_args, and what QEMU reaches over the
// network by itself are left out. A text that is not of its variable's type is
// left to confd.Table, and counts as the default.
//
// All guests of a host pass through here whenever an init system looks at its
// services, so a planner would be too much.
func (Kind) Depends(l guest.Layout, n guest.Name, c *confd.Config) (deps.Set, error) {
	d := &dependant{conf: c}
	d.files(l, n)
	for _, v := range c.Values {
		if v.Text == "" || !strings.HasPrefix(v.Name, "disk") && !strings.HasPrefix(v.Name, "cdrom") && !strings.HasPrefix(v.Name, "net") {
			continue
		}
		switch known, _, _, _ := Vars.Lookup(v.Name); known.Name {
		case "diskN_file", "cdromN_file":
			d.disk(v)
		case "netN":
			d.network(v)
		}
	}
	return d.found, errors.Join(d.errs...)
}

// dependant gathers the dependencies of one guest.
type dependant struct {
	conf  *confd.Config
	found deps.Set
	errs  []error
}

// set is the variable where the files set it.
func (d *dependant) set(name string) confd.Value {
	v, _ := d.conf.Filled(name)
	return v
}

// value is the variable as set, else with its default in the table.
func (d *dependant) value(name string) confd.Value {
	if v, ok := d.conf.Filled(name); ok {
		return v
	}
	v, _, _, _ := Vars.Lookup(name)
	return confd.Value{Name: name, Text: v.Default}
}

// file adds what an absolute path names.
func (d *dependant) file(v confd.Value) {
	if filepath.IsAbs(v.Text) {
		d.found.Add(deps.OfFile(v.Text, v.Name, v.Pos))
	}
}

// files are those besides disks. Texts that are no path are words, such as
// firmware=bios.
func (d *dependant) files(l guest.Layout, n guest.Name) {
	d.file(d.set("firmware"))
	if vars := d.set("uefi_vars"); vars.Text != "" {
		d.file(vars)
	} else if d.set("firmware").Text == "uefi" {
		d.file(confd.Value{Name: "uefi_vars", Text: l.VarDir(n) + "/OVMF_VARS.fd"})
	}
	d.file(d.set("kernel"))
	d.file(d.set("initrd"))
	if huge, err := confd.ParseBool(d.set("memory_hugepages")); err == nil && huge {
		d.file(d.value("hugepages_path"))
	}
}

// disk is one of diskN_file and cdromN_file.
func (d *dependant) disk(v confd.Value) {
	path := localPath(v.Text)
	switch {
	case path == "":
	case !filepath.IsAbs(path):
		d.fail(v.Name, "a path starts with /", "%q is not an absolute path", path)
	case strings.HasPrefix(d.set(strings.TrimSuffix(v.Name, "file")+"device").Text, "scsi-generic"):
		// Its node is no block device, and udev tells init systems of these alone.
		d.found.Add(deps.Dependency{Relation: deps.Need, Sort: deps.Path, Name: path, Why: v.Name, Pos: v.Pos})
	default:
		d.found.Add(deps.OfFile(path, v.Name, v.Pos))
	}
}

// network is one of netN.
func (d *dependant) network(v confd.Value) {
	switch v.Text {
	case "bridge":
		if relation, ok := deps.OfBridges(d.conf); ok {
			d.link(relation, deps.Bridge, d.value(v.Name+"_br"))
		}
	case "tap":
		script, ifname := d.set(v.Name+"_script").Text, d.set(v.Name+"_ifname")
		if ifname.Text != "" && (script == "" || script == "no") {
			d.link(deps.Use, deps.Interface, ifname)
		}
	}
}

// link adds an interface of the host. One that cannot be named so is told of,
// as an init system would take it for something else.
func (d *dependant) link(relation deps.Relation, sort deps.Sort, v confd.Value) {
	if !isIfname(v.Text) {
		d.fail(v.Name, "at most 15 letters, digits, _ . and -", "%q cannot be an interface's name", v.Text)
		return
	}
	d.found.Add(deps.Dependency{Relation: relation, Sort: sort, Name: v.Text, Why: v.Name, Pos: v.Pos})
}

func isIfname(name string) bool {
	return len(name) <= maxIfname && only(name, ifnameChars) && name != "." && name != ".."
}

func (d *dependant) fail(variable, hint, format string, args ...any) {
	d.errs = append(d.errs, confd.Problem(d.conf, variable, hint, format, args...))
}
