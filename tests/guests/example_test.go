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
	"github.com/guestrc/guestrc/tests/rootfs"
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

// docs/examples/lxc.web and lxc.web.config, with a root of the test's and its
// name in place of theirs.
func TestExampleOfAContainer(t *testing.T) {
	need.Programs(t, "ip", "bridge", "unshare")
	if !lab.NetNS(t) {
		return
	}
	w := newWorld(t)
	c := rootfs.Make(t, rootfs.Busybox)
	www := filepath.Join(w.root, "www")
	if err := os.Mkdir(www, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(www, "index"), []byte("hello\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	scaled := func(file string) string {
		text, err := os.ReadFile("../../docs/examples/" + file)
		if err != nil {
			t.Fatal(err)
		}
		return strings.NewReplacer(
			"/var/lib/lxc/web/rootfs", c.Rootfs,
			"lxc.uts.name = web", "lxc.uts.name = "+c.Name,
			"/srv/www ", www+" ",
		).Replace(string(text))
	}
	if err := os.WriteFile(c.Config, []byte(scaled("lxc.web.config")), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "sh", "-c",
		"ip link add br0 type bridge && ip link set br0 up").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	name := w.conf("lxc."+c.Name, scaled("lxc.web"), "lxcpath="+c.LXCPath)
	// LXC looks for the bridge in a sysfs, which shows the network namespace that
	// it was mounted in.
	const ownSysfs = `mount -t sysfs sysfs /mnt; mount --bind /mnt/class /sys/class; mount --bind /mnt/devices /sys/devices; umount /mnt; exec "$@"`
	if out, err := command(t, "unshare", "--mount", "sh", "-euc", ownSysfs, "sh", program, "--root", w.root, "start", name).CombinedOutput(); err != nil {
		t.Fatalf("start: %v\n%s\n%s", err, out, c.Console())
	}
	links, err := exec.CommandContext(t.Context(), "bridge", "link").Output()
	if err != nil || !strings.Contains(string(links), "master br0") {
		t.Errorf("bridge link: %v\n%s", err, links)
	}
	inside := w.must("exec", name, "--", "/bin/busybox", "sh", "-c", "/bin/busybox ip addr show eth0; /bin/busybox cat /srv/www/index; /bin/busybox hostname").out
	for _, want := range []string{"00:16:3e:12:34:56", "192.0.2.7/24", "hello\n", c.Name + "\n"} {
		if !strings.Contains(inside, want) {
			t.Errorf("not seen inside: %q\n%s", want, inside)
		}
	}
	if r := w.must("stop", name); !strings.Contains(r.last(), "by halt") {
		t.Errorf("stop: %s", r)
	}
	if links, _ := exec.CommandContext(t.Context(), "bridge", "link").Output(); strings.Contains(string(links), "br0") {
		t.Errorf("a link is left: %s", links)
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
