package owner

import (
	"errors"
	"os"
	"path/filepath"
)

// openrc looks at the script net.NAME. netifrc's is a link to net.lo, ours one
// to guestrc. netifrc has a unit for systemd as well, net@NAME.service, which
// its systemd/net_at.service.in describes.
func (t tree) openrc(ifname string) (*Owner, error) {
	script := "/etc/init.d/net." + ifname
	info, err := os.Lstat(t.at(script))
	switch {
	case absent(err):
		return t.netifrcUnit(ifname)
	case err != nil:
		return nil, err
	}
	target, err := os.Readlink(t.at(script))
	switch {
	case info.Mode()&os.ModeSymlink == 0 || errors.Is(err, os.ErrNotExist):
		return &Owner{Tool: "a script", File: script}, nil
	case err != nil:
		return nil, err
	}
	switch filepath.Base(target) {
	case "guestrc":
		return t.netifrcUnit(ifname)
	case "net.lo":
		return &Owner{Tool: "netifrc", File: script}, nil
	}
	return &Owner{Tool: "a script", File: script}, nil
}

// netifrcUnit finds the unit if it is enabled for the interface.
func (t tree) netifrcUnit(ifname string) (*Owner, error) {
	const units = "/etc/systemd/system"
	dirs, err := t.names(units)
	for _, dir := range dirs {
		unit := "net@" + ifname + ".service"
		path := filepath.Join(units, dir, unit)
		if ext := filepath.Ext(dir); (ext == ".wants" || ext == ".requires") && t.exists(path) {
			return &Owner{Tool: "netifrc", File: path, Unit: unit}, err
		}
	}
	return nil, err
}
