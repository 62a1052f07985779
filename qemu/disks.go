package qemu

import (
	"strconv"
	"strings"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/image"
)

// maxSCSI is the highest target on a virtio-scsi bus (VIRTIO 1.2 §5.6.4).
const maxSCSI = 255

func (p *planner) disks() {
	for _, n := range p.Indices("diskN_") {
		p.disk(n)
	}
}

func (p *planner) disk(n int) {
	prefix, id := "disk"+strconv.Itoa(n)+"_", "hd"+strconv.Itoa(n)
	file := prefix + "file"
	if v, ok := p.Config.Get(file); ok && v.Text == "" {
		return // takes away a disk of the defaults
	}
	options := p.options(prefix, "device")
	if !p.Set(file) && !p.Set(prefix+"driver") {
		variable := prefix + "device"
		if len(options) > 0 {
			variable = prefix + options[0].name
		}
		p.Fail(variable, file+"=/path", "disk %d has no file", n)
	}
	d := p.newDisk(id, file)
	for i, o := range options {
		switch o.name {
		case "readonly", "snapshot":
			// QEMU wants on or off; people write yes.
			if yes, err := confd.ParseBool(confd.Value{Name: prefix + o.name, Text: o.value}); err == nil {
				options[i].value = map[bool]string{true: "on", false: "off"}[yes]
				d.ReadOnly = d.ReadOnly || yes
			}
		}
	}
	if d.Path != "" && !p.Set(prefix+"format") && !p.Set(prefix+"driver") {
		options = p.format(d, options)
	}
	for _, o := range options {
		if o.name == "format" || o.name == "driver" {
			d.Format = o.value
		}
	}
	p.add("-drive", "id="+id+","+list(options)+"media=disk,if=none")

	device := p.Text(prefix + "device")
	if strings.Contains(device, "share-rw=on") {
		d.Shared = true
	}
	p.add("-device", p.diskDevice(device, id, n))
	p.m.Disks = append(p.m.Disks, d)
}

// diskDevice is the guest's side: the driver, what it needs, and whatever
// follows the driver in diskN_device.
func (p *planner) diskDevice(device, id string, n int) string {
	driver, properties, _ := strings.Cut(device, ",")
	arg := driver + ",drive=" + id
	switch {
	case strings.HasPrefix(driver, "scsi-") && !strings.Contains(properties, "scsi-id="):
		if n > maxSCSI {
			p.Fail("disk"+strconv.Itoa(n)+"_file", "number it lower, or use another diskN_device", "a SCSI bus has no disk %d", n)
		}
		arg += ",scsi-id=" + strconv.Itoa(n)
	case driver == "nvme" && !strings.Contains(properties, "serial="):
		arg += ",serial=" + id // which the device does not start without
	}
	if properties != "" {
		arg += "," + properties
	}
	return arg
}

// format decides what a disk without diskN_format is. A block device is raw:
// left to QEMU, a guest could not write to its first sector what looks like an
// image, or like LUKS. What the first sector holds is the guest's to choose,
// so one that looks like an image is not believed but asked about. Of a file
// QEMU makes up its mind, as it did under qemu-openrc.
func (p *planner) format(d Disk, options []option) []option {
	found, err := p.host.Image(d.Path)
	variable := strings.TrimSuffix(d.Var, "file") + "format"
	switch {
	case err != nil: // for the preflight to report
	case found.Block && found.Format != "" && found.Format != "luks":
		p.Fail(d.Var, variable+"=raw or "+variable+"="+found.Format,
			"cannot tell the format of %s: it is a block device, but looks like %s", d.Path, found.Format).WithID("GR203")
	case found.Block:
		return sortOptions(append(options, option{"format", image.Raw}))
	default:
		guess := image.Raw
		if found.Format != "" {
			guess = found.Format
		}
		p.Warn(d.Var, variable+"="+guess, "QEMU has to guess the format of %s", d.Path).WithID("GR210")
	}
	return options
}

func (p *planner) cdroms() {
	for _, n := range p.Indices("cdromN_") {
		id, file := "cdr"+strconv.Itoa(n), "cdrom"+strconv.Itoa(n)+"_file"
		d := p.newDisk(id, file)
		d.ReadOnly, d.CD, d.Format = true, true, image.Raw
		p.add("-drive", "id="+id+",media=cdrom,if=none,file="+escape(p.Text(file))+",format=raw,readonly=on,cache=none")
		p.add("-device", "ide-cd,drive="+id)
		p.m.Disks = append(p.m.Disks, d)
	}
}

func (p *planner) newDisk(id, variable string) Disk {
	d := Disk{ID: id, Var: variable, Path: localPath(p.Text(variable))}
	if d.Path != "" && !strings.HasPrefix(d.Path, "/") {
		p.Fail(variable, "a path starts with /; a URL names a protocol of QEMU's, as in nbd://host/name", "%q is not an absolute path", d.Path).WithID("GR102")
		d.Path = ""
	}
	return d
}

// localPath is the file that a -drive file= names, and empty for the URLs of
// QEMU's network protocols and for json:. A protocol is what stands before a
// colon that comes before any slash, as in QEMU's path_has_protocol.
func localPath(file string) string {
	if rest, ok := strings.CutPrefix(file, "file:"); ok {
		return strings.TrimPrefix(rest, "//")
	}
	before, _, _ := strings.Cut(file, "/")
	if strings.Contains(before, ":") {
		return ""
	}
	return file
}
