package tinyguest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
)

// Words for the kernel command line that start what Agent and NewSSH put into
// the guest. The guest needs a virtio-serial port org.qemu.guest_agent.0 for
// the one, ip=… for the other.
const (
	StartAgent = "gr.run=/usr/sbin/qemu-ga"
	StartSSH   = "gr.run=/usr/sbin/sshd,-D,-e"
)

// Server is the real OpenSSH server, for which NewSSH makes the configuration.
func Server(ctx context.Context) ([]Program, error) {
	return FromPackages(ctx, []string{"openssh-server"}, "/usr/sbin/sshd")
}

// SSH is a guest with the real OpenSSH server, and the key that opens it as root.
type SSH struct {
	Options
	dir string
}

// NewSSH makes the keys of server and client in dir, with ssh-keygen. The image
// that is built with them lies there too.
func NewSSH(ctx context.Context, dir string) (SSH, error) {
	programs, err := Server(ctx)
	if err != nil {
		return SSH{}, err
	}
	if err := makeKeys(ctx, dir); err != nil {
		return SSH{}, err
	}
	s := SSH{Options{Programs: programs, Dir: dir}, dir}
	host, err := os.ReadFile(filepath.Join(dir, "host"))
	if err != nil {
		return SSH{}, fmt.Errorf("cannot read the host key: %w", err)
	}
	client, err := os.ReadFile(filepath.Join(dir, "client.pub"))
	if err != nil {
		return SSH{}, fmt.Errorf("cannot read the client's key: %w", err)
	}
	s.Files = []File{
		{"/etc/passwd", 0o644, []byte("root:x:0:0:root:/root:/bin/sh\nsshd:x:100:65534::/run/sshd:/bin/false\n")},
		{"/etc/shadow", 0o600, []byte("root:*:1::::::\nsshd:*:1::::::\n")},
		{"/etc/group", 0o644, []byte("root:x:0:\nnogroup:x:65534:\n")},
		{"/etc/ssh/host_key", 0o600, host},
		{"/etc/ssh/authorized_keys", 0o644, client},
		{"/etc/ssh/sshd_config", 0o644, []byte("HostKey /etc/ssh/host_key\nAuthorizedKeysFile /etc/ssh/authorized_keys\n" +
			"PermitRootLogin prohibit-password\nUsePAM no\nUseDNS no\nPidFile none\n")},
	}
	return s, nil
}

// ClientOptions are those that ssh(1) needs to reach the guest at a port of
// this machine, with no other configuration and no question.
func (s SSH) ClientOptions(port int) []string {
	return []string{"-F", "none", "-p", strconv.Itoa(port), "-i", filepath.Join(s.dir, "client"),
		"-o", "IdentitiesOnly=yes", "-o", "UserKnownHostsFile=" + filepath.Join(s.dir, "known_hosts"),
		"-o", "GlobalKnownHostsFile=none", "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes"}
}

// makeKeys fills dir with the pairs "host" and "client", and known_hosts.
func makeKeys(ctx context.Context, dir string) error {
	for _, name := range []string{"host", "client"} {
		if err := keygen(ctx, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	public, err := os.ReadFile(filepath.Join(dir, "host.pub"))
	if err != nil {
		return fmt.Errorf("cannot read the host key: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "known_hosts"), append([]byte("* "), public...), 0o600); err != nil {
		return fmt.Errorf("cannot write known_hosts: %w", err)
	}
	return nil
}

func keygen(ctx context.Context, path string) error {
	runtime.LockOSThread() // Pdeathsig is about the thread that starts the process
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot make a key: %w: %s", err, out)
	}
	return nil
}
