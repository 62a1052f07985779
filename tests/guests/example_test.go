package guests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/need"
	"github.com/guestrc/guestrc/tests/tinyguest"
)

// docs/examples/qemu.web, scaled down to what a test machine has: the kernel
// behind a symlink, a raw volume without partitions, vCPUs on host CPUs of
// their own, a bridge, a MAC address, no graphics.
func TestExampleOfAVirtualisationHost(t *testing.T) {
	need.Programs(t, "ip")
	img := image(t, tinyguest.Options{})
	if !lab.NetNS(t) {
		return
	}
	w := newWorld(t)
	text, err := os.ReadFile("../../docs/examples/qemu.web")
	if err != nil {
		t.Fatal(err)
	}
	volume := filepath.Join(w.root, "volume")
	if err := os.WriteFile(volume, make([]byte, 4<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"vmlinuz-current": img.Kernel, "initrd-current": img.Initrd} {
		if err := os.Symlink(target, filepath.Join(w.root, link)); err != nil {
			t.Fatal(err)
		}
	}
	scaled := strings.NewReplacer(
		"/boot/vmlinuz-current", filepath.Join(w.root, "vmlinuz-current"),
		"/boot/initrd-current", filepath.Join(w.root, "initrd-current"),
		"/dev/vg/web", volume,
		"memory=8192", "memory=256",
		"cpu_affinity=10-11", "cpu_affinity=0-1",
		`net.ifnames=0"`, `net.ifnames=0 ip=10.9.0.2/24 gr.tcp=7 gr.show=/sys/block/vda/size"`,
	).Replace(string(text))
	for _, was := range []string{"/boot/", "/dev/vg", "8192", "10-11"} {
		if strings.Contains(strings.ReplaceAll(scaled, "#", ""), "="+was) {
			t.Fatalf("the example was not scaled down: %s", scaled)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "sh", "-c",
		"ip link add br0 type bridge && ip addr add 10.9.0.1/24 dev br0 && ip link set br0 up").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	name := w.conf("qemu.web", scaled, "user=nobody", "enable_kvm=no", `ready="tcp:7"`, "ready_address=10.9.0.2", "ready_timeout=240")

	w.must("start", name) // ready: it answered over the bridge
	p := w.running(name)
	links, err := exec.CommandContext(t.Context(), "bridge", "link").Output()
	if err != nil || !strings.Contains(string(links), "qweb-0") || !strings.Contains(string(links), "master br0") {
		t.Errorf("bridge link: %v\n%s", err, links)
	}
	for vcpu, thread := range vcpuThreads(t, p.Pid()) {
		var set unix.CPUSet
		if err := unix.SchedGetaffinity(thread, &set); err != nil {
			t.Fatal(err)
		}
		if set.Count() != 1 || !set.IsSet(vcpu) {
			t.Errorf("vCPU %d may run on %v", vcpu, set)
		}
	}
	if r := w.must("stop", name); !strings.Contains(r.last(), "by acpi") {
		t.Errorf("stop: %s", r)
	}
	if links, _ := exec.CommandContext(t.Context(), "ip", "-o", "link").Output(); strings.Contains(string(links), "qweb-0") {
		t.Errorf("the tap is left: %s", links)
	}
}

// vcpuThreads finds those of QEMU's threads that have one CPU to themselves, in
// the order of their numbers, which is the order in which QEMU made them.
func vcpuThreads(t *testing.T, pid int) map[int]int {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]int{}
	next := 0
	for _, task := range tasks {
		var thread int
		if _, err := fmt.Sscan(filepath.Base(task), &thread); err != nil {
			t.Fatal(err)
		}
		var set unix.CPUSet
		if unix.SchedGetaffinity(thread, &set) == nil && set.Count() == 1 {
			found[next] = thread
			next++
		}
	}
	if len(found) != 2 {
		t.Fatalf("%d threads of QEMU have a CPU of their own, want 2", len(found))
	}
	return found
}
