package tinyguest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/tests/lab"
)

// vm is one guest under the real QEMU.
type vm struct {
	*lab.Process
	t       *testing.T
	ctx     context.Context
	dir     string
	console *bufio.Reader
	seen    strings.Builder
	qmp     net.Conn
	replies *json.Decoder
}

// build may download, so it comes before lab.NetNS.
func build(t *testing.T, o Options) Image {
	t.Helper()
	lab.Require(t, "qemu-system-x86_64", "apt-get", "dpkg")
	img, err := Build(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// boot starts a guest; args are further arguments of QEMU.
func boot(t *testing.T, img Image, cmdline string, args ...string) *vm {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	t.Cleanup(cancel)
	v := &vm{t: t, ctx: ctx, dir: t.TempDir()}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	monitor := v.listen()
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", append([]string{
		"-nodefaults", "-no-user-config", "-machine", "q35", "-accel", "tcg", "-m", "256", "-display", "none",
		"-serial", "stdio", "-qmp", "unix:" + filepath.Join(v.dir, "qmp"),
		"-kernel", img.Kernel, "-initrd", img.Initrd, "-append", Cmdline(cmdline)}, args...)...)
	cmd.Stdout, cmd.Stderr = w, w
	v.Process, v.console = lab.Start(t, cmd), bufio.NewReader(r)
	w.Close()
	if v.qmp, err = monitor.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.qmp.Close() })
	v.replies = json.NewDecoder(v.qmp)
	v.execute(`{"execute":"qmp_capabilities"}`)
	t.Cleanup(func() {
		if t.Failed() {
			r.SetReadDeadline(time.Now().Add(200 * time.Millisecond)) // what it said since
			io.Copy(&v.seen, v.console)
			t.Logf("console:\n%s", v.seen.String())
		}
	})
	return v
}

// listen makes the socket to which QEMU connects its monitor: nothing to wait for.
func (v *vm) listen() net.Listener {
	v.t.Helper()
	l, err := net.Listen("unix", filepath.Join(v.dir, "qmp"))
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { l.Close() })
	if err := l.(*net.UnixListener).SetDeadline(time.Now().Add(time.Minute)); err != nil {
		v.t.Fatal(err)
	}
	return l
}

// expect reads the console up to a line that holds text.
func (v *vm) expect(text string) {
	v.t.Helper()
	for {
		line, err := v.console.ReadString('\n')
		v.seen.WriteString(line)
		if strings.Contains(line, text) {
			return
		}
		if err != nil {
			v.t.Fatalf("the console ended before it said %q", text)
		}
	}
}

// execute sends a command and returns its reply, past any events.
func (v *vm) execute(command string) map[string]any {
	v.t.Helper()
	if _, err := fmt.Fprintln(v.qmp, command); err != nil {
		v.t.Fatal(err)
	}
	return v.reply("return")
}

// reply reads up to a message that has key.
func (v *vm) reply(key string) map[string]any {
	v.t.Helper()
	if err := v.qmp.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		v.t.Fatal(err)
	}
	for {
		var m map[string]any
		if err := v.replies.Decode(&m); err != nil {
			v.t.Fatalf("no %q from the monitor: %v", key, err)
		}
		if m["error"] != nil {
			v.t.Fatalf("the monitor answered %v", m)
		}
		if _, ok := m[key]; ok {
			return m
		}
	}
}

// event reads up to the event called name.
func (v *vm) event(name string) {
	v.t.Helper()
	for v.reply("event")["event"] != name {
	}
}

func (v *vm) press() { v.t.Helper(); v.execute(`{"execute":"system_powerdown"}`) }

// gone waits until QEMU has ended by itself.
func (v *vm) gone() {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, time.Minute)
	defer cancel()
	if err := v.Wait(ctx); err != nil {
		v.t.Fatalf("QEMU: %v", err)
	}
}
