package tinyguest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/tests/lab"
)

// agent boots a guest with the real agent and connects to it.
func agent(t *testing.T, words string) (*vm, net.Conn) {
	t.Helper()
	lab.Require(t, "apt-get", "dpkg")
	programs, err := Agent(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "agent")
	v := boot(t, build(t, Options{Programs: programs}), StartAgent+" "+words, "-device", "virtio-serial",
		"-chardev", "socket,id=a,server=on,wait=off,path="+path, "-device", "virtserialport,chardev=a,name=org.qemu.guest_agent.0")
	v.expect("guestrc: up")
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return v, c
}

// sync sends guest-sync and says whether the agent answered within limit.
func sync(t *testing.T, c net.Conn, limit time.Duration) bool {
	t.Helper()
	if err := c.SetDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintln(c, `{"execute":"guest-sync","arguments":{"id":42}}`); err != nil {
		t.Fatal(err)
	}
	var reply struct{ Return int }
	return json.NewDecoder(c).Decode(&reply) == nil && reply.Return == 42
}

func TestAgent(t *testing.T) {
	t.Parallel()
	v, c := agent(t, "")
	if !sync(t, c, time.Minute) {
		t.Fatal("the agent does not answer")
	}
	fmt.Fprintln(c, `{"execute":"guest-shutdown"}`)
	v.expect("guestrc: asked to end")
	v.gone()
}

func TestAgentThatIsIgnored(t *testing.T) {
	t.Parallel()
	v, c := agent(t, "gr.agent=ignore")
	if !sync(t, c, time.Minute) {
		t.Fatal("the agent does not answer")
	}
	fmt.Fprintln(c, `{"execute":"guest-shutdown"}`)
	v.expect("guestrc: asked to end")
	v.press()
	v.gone()
}

func TestAgentThatHangs(t *testing.T) {
	t.Parallel()
	v, c := agent(t, "gr.freeze=yes")
	if sync(t, c, 3*time.Second) {
		t.Error("a frozen agent answered")
	}
	v.press()
	v.gone()
}

func TestSSH(t *testing.T) {
	lab.Require(t, "apt-get", "dpkg", "ssh", "ssh-keygen")
	server, err := NewSSH(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	img := build(t, server.Options)
	if !lab.NetNS(t) {
		return
	}
	// Without the slowdown the session is cut before it can say that all is well.
	v := boot(t, img, StartSSH+" gr.slowdown=500 ip=10.0.2.15/24,10.0.2.2", "-nic", "user,model=virtio-net-pci,restrict=on,hostfwd=tcp:127.0.0.1:2222-:22")
	v.expect("guestrc: up")
	v.expect("Server listening")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ssh := exec.CommandContext(ctx, "ssh", append(server.ClientOptions(2222), "root@127.0.0.1", "poweroff")...)
	if out, err := ssh.CombinedOutput(); err != nil {
		t.Fatalf("ssh: %v\n%s", err, out)
	}
	v.gone()
}

func TestTCP(t *testing.T) {
	img := build(t, Options{})
	if !lab.NetNS(t) {
		return
	}
	v := boot(t, img, "gr.tcp=7 ip=10.0.2.15/24,10.0.2.2 gr.show=/sys/class/net/eth0/address",
		"-nic", "user,model=virtio-net-pci,mac=52:54:00:01:02:03,hostfwd=tcp:127.0.0.1:7-:7")
	v.expect("52:54:00:01:02:03")
	v.expect("guestrc: up")
	c, err := net.Dial("tcp", "127.0.0.1:7")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	if line, err := r.ReadString('\n'); err != nil || line != "guestrc: hello\n" {
		t.Fatalf("greeted with %q, %v", line, err)
	}
	fmt.Fprintln(c, "echo")
	if line, err := r.ReadString('\n'); err != nil || strings.TrimSpace(line) != "echo" {
		t.Errorf("echoed %q, %v", line, err)
	}
}
