package tinyguest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/guestrc/guestrc/tests/lab"
)

func TestLoadOrder(t *testing.T) {
	lab.Require(t, "apt-get", "dpkg")
	k, err := findKernel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	order, err := k.loadOrder(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range order {
		names = append(names, m.name)
	}
	for _, pair := range [][2]string{{"virtio_ring", "virtio"}, {"virtio", "virtio_pci"}, {"net_failover", "virtio_net"}, {"virtio", "virtio_console"}} {
		before, after := slices.Index(names, pair[0]), slices.Index(names, pair[1])
		if before > after {
			t.Errorf("%s comes after %s: %q", pair[0], pair[1], names)
		}
	}
	if slices.Sort(names); len(slices.Compact(names)) != len(order) {
		t.Errorf("a module is loaded twice: %q", names)
	}
}

func TestKernelWithoutModulesIsRefused(t *testing.T) {
	root := t.TempDir()
	for path, content := range map[string]string{
		"boot/vmlinuz-1":                    "x",
		"lib/modules/1/modules.builtin":     "kernel/drivers/acpi/button.ko\n",
		"boot/vmlinuz-2":                    "x",
		"lib/modules/1/kernel/a/not-elf.ko": "x",
	} {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	wants := []string{"its modules are missing", "it has no module evdev"} // vmlinuz-2 comes first
	for i, k := range hostKernels(root) {
		if err := k.usable(t.Context()); err == nil || !strings.Contains(err.Error(), wants[i]) {
			t.Errorf("%s: %v, want %q", k.image, err, wants[i])
		}
	}
	if n := len(hostKernels(root)); n != 2 {
		t.Errorf("%d kernels found", n)
	}
}
