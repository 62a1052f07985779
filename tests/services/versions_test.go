package services

import (
	"regexp"
	"strings"
	"testing"

	"github.com/guestrc/guestrc/tests/need"
)

var version = regexp.MustCompile(`[0-9]+(\.[0-9]+)+|[0-9]+`)

// A machine is of the release in its name, with that one's programs; make matrix
// reads the versions here.
func TestMachineIsOfItsRelease(t *testing.T) {
	need.Root(t)
	inits := map[string]string{"openrc": "openrc", "systemd": "systemctl"}
	for _, c := range combinations(t) {
		t.Run(c.String(), func(t *testing.T) {
			h := newHost(t, c.boot, containers{})
			if text, err := h.machine().ReadFile("/etc/os-release"); err != nil || !strings.Contains(text, c.release) {
				t.Errorf("%v: /etc/os-release does not say %s:\n%s", err, c.release, text)
			}
			for key, program := range map[string]string{"init": inits[c.init], "qemu": "qemu-system-x86_64", "lxc": "lxc-start"} {
				out := h.machine().Must(h.ctx, program, "--version")
				found := version.FindString(out)
				if found == "" {
					t.Errorf("%s --version says no version: %q", program, out)
				}
				t.Attr(key, found)
			}
		})
	}
}
