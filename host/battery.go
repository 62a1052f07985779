package host

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/guestrc/guestrc/guest"
)

// batteryFile says that the host runs on battery, for what the kernel does not
// know of: a UPS's daemon makes it and removes it.
const batteryFile = "on-battery"

// OnBattery tells whether the host runs on battery: a UPS discharges, or a
// battery of the host's does and no mains supply is online; or a file on-battery
// is in the run directory. Where nothing tells, it does not.
//
// The files are those of Documentation/ABI/testing/sysfs-class-power. Supplies
// of a device of its own, such as a mouse, or of what is plugged into a USB
// port that gives power, have the scope "Device".
func OnBattery(l guest.Layout) bool {
	if _, err := os.Lstat(filepath.Join(l.RunBase(), batteryFile)); err == nil {
		return true
	}
	dir := l.At("sys", "class", "power_supply")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	discharges, online := false, false
	for _, e := range entries {
		supply := filepath.Join(dir, e.Name())
		if attribute(supply, "scope") == "Device" {
			continue
		}
		emptying := attribute(supply, "status") == "Discharging" && attribute(supply, "present") != "0"
		switch sort := attribute(supply, "type"); sort {
		case "UPS": // what it feeds looks like mains
			if emptying {
				return true
			}
		case "Battery":
			discharges = discharges || emptying
		default: // Mains, USB, USB_PD, Wireless, …
			n, err := strconv.Atoi(attribute(supply, "online"))
			online = online || err == nil && n > 0
		}
	}
	return discharges && !online
}

// attribute is the first line of a file in sysfs; empty when there is none.
func attribute(dir, name string) string {
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	defer f.Close()
	text, _ := io.ReadAll(io.LimitReader(f, 256)) // an error (no such device) is as good as absence
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}
