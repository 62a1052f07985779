package qemu

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/shutdown"
	rom "github.com/guestrc/guestrc/tests/romguest"
)

// fakeSSH puts a shell script in ssh's place. PRESS in it is a command that
// presses the guest's power button, as somebody inside would.
func fakeSSH(t *testing.T, script string) (args func() []string) {
	t.Helper()
	dir := t.TempDir()
	record := filepath.Join(dir, "args")
	script = "#!/bin/sh\nfor a; do echo \"$a\"; done >" + record + "\n" + script
	if err := os.WriteFile(filepath.Join(dir, "ssh"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return func() []string {
		text, err := os.ReadFile(record)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(text)), "\n")
	}
}

func TestSSHRung(t *testing.T) {
	cases := []struct {
		name   string
		script string
		press  bool // the guest hears of it
		result shutdown.Result
		text   string
	}{
		{"works", "exit 0", true, shutdown.Down, ""},
		{"loses the connection", "echo 'Connection to db closed by remote host.' >&2; exit 255", true, shutdown.Down, ""},
		{"is killed with the guest's session", "exit 255", true, shutdown.Down, ""},
		{"leaves a master behind", "sleep 3 & exit 0", true, shutdown.Down, ""},
		{"is ignored", "exit 0", false, shutdown.Ignored, ""},
		{"hangs", "exec sleep 60", false, shutdown.Ignored, ""},
		{"cannot connect", "echo 'ssh: connect to host db port 22: Connection refused' >&2; exit 255", false, shutdown.Failed, "Connection refused"},
		{"gets no banner", "echo 'Connection to 192.0.2.7 port 22 timed out' >&2; exit 255", false, shutdown.Failed, "timed out"},
		{"has no key", "echo 'Warning: added' >&2; echo 'root@db: Permission denied (publickey).' >&2; exit 255", false, shutdown.Failed, "Permission denied"},
		{"has no such command", "echo 'sh: poweroff: not found' >&2; exit 127", false, shutdown.Failed, "exit status 127: sh: poweroff: not found"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			args := fakeSSH(t, c.script+"\n")
			r := upROM(t, pressable(1, rom.PowerOff()))
			if c.press {
				time.AfterFunc(brief, func() { r.tellAny("system_powerdown") })
			}
			s := r.stop("ssh/2/KILL/5", StopPolicy{SSHTarget: "root@db", SSHCommand: "poweroff", SSHOptions: []string{"-p", "2222"}})
			first := s.Rungs[0]
			if first.Result != c.result || !strings.Contains(first.Error, c.text) {
				t.Errorf("ssh %s, %q; want %s, %q", first.Result, first.Error, c.result, c.text)
			}
			want := []string{"-o", "BatchMode=yes", "-p", "2222", "-o", "ConnectTimeout=5", "-o", "ServerAliveInterval=5", "--", "root@db", "poweroff"}
			if diff := cmp.Diff(want, args()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSSHAbsent(t *testing.T) {
	r := upROM(t, rom.Do(rom.Up(), rom.Idle()))
	t.Setenv("PATH", t.TempDir())
	for target, want := range map[string]string{"": "ssh_target is not set", "root@db": "not found"} {
		r.m.Stop = StopPolicy{SSHTarget: target, SSHCommand: "poweroff"}
		err := r.m.Target(r.p).Rung("ssh")(t.Context(), discard)
		if err == nil || !strings.HasPrefix(err.Error(), shutdown.ErrAbsent.Error()) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", target, err)
		}
	}
}

// The end of what ssh says counts, however long the banner before it.
func TestTail(t *testing.T) {
	var end tail
	for range 1000 {
		if n, err := end.Write([]byte("banner\r\n")); n != 8 || err != nil {
			t.Fatal(n, err)
		}
	}
	end.Write([]byte("Connection to db closed by remote host.\r\n"))
	if len(end.String()) > 4096 || !delivered(255, end.String()) || delivered(1, end.String()) {
		t.Errorf("%d bytes end with %q", len(end.String()), lastLine(end.String()))
	}
}
