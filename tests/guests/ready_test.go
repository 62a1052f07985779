package guests

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/need"
	"github.com/guestrc/guestrc/tests/tinyguest"
)

// ip runs ip(8) for each line.
func ip(t *testing.T, lines ...string) {
	t.Helper()
	need.Programs(t, "ip")
	for _, line := range lines {
		if out, err := exec.CommandContext(t.Context(), "ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", line, err, out)
		}
	}
}

// readyInTime wants a start that waited, and warned of nothing.
func (w *world) readyInTime(name string) {
	w.t.Helper()
	if r := w.must("start", name); r.err != "" {
		w.t.Errorf("start: %s", r)
	}
	if st := w.status(name); st.State != guest.Running || st.ReadyAt.IsZero() {
		w.t.Errorf("status: %+v", st)
	}
}

// Nothing says the guest's address. It speaks to the host, as one does that asks
// for a lease or for the way to elsewhere.
func TestTCPReadyWhereTheHostHearsFromTheGuest(t *testing.T) {
	img := image(t, tinyguest.Options{})
	if !lab.NetNS(t) {
		return
	}
	w := newWorld(t)
	ip(t, "link add br0 type bridge", "address add 10.9.0.1/24 dev br0", "link set br0 up")
	// So that it is not found otherwise.
	if err := os.WriteFile("/proc/sys/net/ipv6/conf/br0/disable_ipv6", []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	name := w.guest("qemu.v4", img, "ip=10.9.0.2/24 gr.tcp=7 gr.greet=10.9.0.1:9", "net0=bridge", "ready=tcp:7")
	w.readyInTime(name)
	w.must("kill", name)
}

// The guest speaks to nobody, but has the address that follows from its MAC.
func TestTCPReadyAtTheLinkLocalAddress(t *testing.T) {
	img := image(t, tinyguest.Options{})
	if !lab.NetNS(t) {
		return
	}
	w := newWorld(t)
	ip(t, "link add br0 type bridge", "link set br0 up", "tuntap add tap0 mode tap vnet_hdr", "link set tap0 up")
	bridged := w.guest("qemu.v6", img, "ip=192.0.2.77/24 gr.tcp=7", "net0=bridge", "ready=tcp:7")
	routed := w.guest("qemu.routed", img, "ip=192.0.2.77/24 gr.tcp=7", "net0=tap", "net0_ifname=tap0", "ready=tcp:7")
	w.readyInTime(bridged)
	w.readyInTime(routed)
	w.must("kill", bridged, routed)
}

// Slow is not broken: the start warns at ready_timeout, and the guest runs on.
func TestASlowGuestIsWarnedOfAndLeftAlone(t *testing.T) {
	img := image(t, tinyguest.Options{})
	if !lab.NetNS(t) {
		return
	}
	w := newWorld(t)
	ip(t, "link add br0 type bridge", "address add 10.9.0.1/24 dev br0", "link set br0 up")
	for how, want := range map[string]string{
		"agent":             "no answer came in time",
		"tcp:7":             "the host heard nothing from 52:54:00:00:00:07",
		"console:never so:": `the console did not say "never so:"`,
	} {
		sort, _, _ := strings.Cut(how, ":")
		name := w.guest("qemu."+sort, img, "gr.late=3600000", "net0=bridge", "net0_mac=52:54:00:00:00:07", fmt.Sprintf("ready=%q", how), "ready_timeout=2")
		r := w.run("start", name)
		if r.code != 0 || !strings.Contains(r.err, "runs, but was not ready in time") || !strings.Contains(r.err, want) {
			t.Errorf("ready=%s: %s", how, r)
		}
		if sort == "tcp" && !strings.Contains(r.err, "hint: ready_address=") {
			t.Errorf("no hint what to do: %s", r)
		}
		if r.took > 30*time.Second {
			t.Errorf("ready=%s: it took %v", how, r.took)
		}
		if st := w.status(name); st.State != guest.Running || !st.ReadyAt.IsZero() {
			t.Errorf("ready=%s: %+v", how, st)
		}
		w.must("kill", name)
	}
}

// Of two starts at once one makes the process and hears its console; the other
// learns from it that the guest is ready.
func TestASecondStartWaitsForTheFirst(t *testing.T) {
	t.Parallel()
	img := image(t, tinyguest.Options{})
	w := newWorld(t)
	name := w.guest("qemu.two", img, "gr.late=1000")
	results := make(chan result, 2)
	for range cap(results) {
		go func() { results <- w.run("start", name) }()
	}
	for range cap(results) {
		if r := <-results; r.code != 0 || r.err != "" {
			t.Errorf("start: %s", r)
		}
		if st := w.status(name); st.ReadyAt.IsZero() {
			t.Error("a start returned before the guest was ready")
		}
	}
	w.must("kill", name)

	// One that is killed leaves a guest of which nobody knows whether it is ready.
	name = w.guest("qemu.alone", img, "gr.late=3600000")
	first := command(t, program, "--root", w.root, "start", name)
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	second := make(chan result, 1)
	for w.process(name) == nil {
		time.Sleep(10 * time.Millisecond)
	}
	go func() { second <- w.run("start", name) }()
	select {
	case r := <-second:
		t.Fatalf("the second did not wait: %s", r)
	case <-time.After(time.Second):
	}
	first.Process.Kill()
	first.Wait()
	if r := <-second; r.code != 0 || !strings.Contains(r.err, "its console was not heard from the beginning") || r.took > time.Minute {
		t.Errorf("once the first was killed: %s", r)
	}
	w.must("kill", name)
}

// A machine within which a kernel has vhost_vsock, whatever this one has, runs
// guestrc and a guest that says READY=1 where its SMBIOS tables tell it to. Of two
// that are to have one context identifier, unknown to each other, one starts.
func TestVsockReady(t *testing.T) {
	need.Programs(t, "qemu-system-x86_64")
	inner := image(t, tinyguest.Options{Modules: []string{"vmw_vsock_virtio_transport"}})
	// The emulated machine has AMD's SVM, so that the inner guest runs on KVM: ten
	// times faster than emulation within emulation.
	conf := "user=nobody\nmachine=q35\nmemory=128M\nvga=none\nready_timeout=240\nready=vsock\nvsock_cid=7\nkernel=/g/vmlinuz\ninitrd=/g/initrd\n" +
		fmt.Sprintf("cmdline=%q\n", tinyguest.Cmdline("gr.notify=yes"))
	outer := image(t, tinyguest.Options{
		Dir:      t.TempDir(),
		Modules:  []string{"vhost_vsock", "kvm_amd"},
		Programs: []tinyguest.Program{{Path: "/usr/bin/qemu-system-x86_64", Root: "/"}},
		Files: append(files(t, map[string]string{
			program: "/guestrc", inner.Kernel: "/g/vmlinuz", inner.Initrd: "/g/initrd",
			"/usr/share/seabios/bios-256k.bin":  "/usr/share/qemu/bios-256k.bin",
			"/usr/share/qemu/linuxboot_dma.bin": "/usr/share/qemu/linuxboot_dma.bin",
			"/usr/share/qemu/kvmvapic.bin":      "/usr/share/qemu/kvmvapic.bin",
		}),
			tinyguest.File{Path: "/etc/passwd", Mode: 0o644, Content: []byte("root:x:0:0::/:\nnobody:x:65534:65534::/:\n")},
			tinyguest.File{Path: "/etc/group", Mode: 0o644, Content: []byte("root:x:0:\nnogroup:x:65534:\n")},
			tinyguest.File{Path: "/g/etc/conf.d/qemu.in", Mode: 0o644, Content: []byte(conf)},
			tinyguest.File{Path: "/h/etc/conf.d/qemu.in", Mode: 0o644, Content: []byte(conf)},
		),
	})
	r, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.SetReadDeadline(time.Now().Add(nestedTime)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-machine", "q35", "-accel", "tcg", "-cpu", "max", "-m", "1024",
		"-display", "none", "-no-reboot", "-serial", "stdio", "-kernel", outer.Kernel, "-initrd", outer.Initrd,
		"-append", tinyguest.Cmdline("gr.run=/guestrc,--root,/g,start,qemu.in gr.run=/guestrc,--root,/h,start,qemu.in"))
	cmd.Stdout, cmd.Stderr = out, out
	lab.Start(t, cmd)
	out.Close()
	var said strings.Builder
	for console := bufio.NewScanner(r); strings.Count(said.String(), "/guestrc ended:") < 2 && console.Scan(); {
		said.WriteString(console.Text() + "\n")
	}
	for _, want := range []string{"it says: Startup finished.", "qemu.in is up after", "/guestrc ended: <nil>",
		"another virtual machine has that identifier", "hint: vsock_cid= gives", "/guestrc ended: exit status 1"} {
		if strings.Count(said.String(), want) != 1 {
			t.Errorf("%q was not said once in:\n%s", want, said.String())
		}
	}
}

// nestedTime bounds what a guest within an emulated machine may take, which is
// half a minute.
const nestedTime = 4 * time.Minute

// files are copies of the host's.
func files(t *testing.T, paths map[string]string) (list []tinyguest.File) {
	t.Helper()
	for from, to := range paths {
		content, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, tinyguest.File{Path: to, Mode: 0o755, Content: content})
	}
	return list
}
