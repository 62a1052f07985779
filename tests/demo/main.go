// Command demo shows guestrc's main job on real QEMU guests: one that shuts
// down when its power button is pressed, and one that ignores everything. It
// runs the program that it is given, below a directory of its own, and touches
// nothing else of the host.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/tinyguest"
)

// limit bounds the whole demo: a guest that hangs must not.
const limit = 5 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// stage is where the demo happens.
type stage struct {
	ctx     context.Context
	program string
	root    string
}

func run(ctx context.Context) (err error) {
	if len(os.Args) != 2 {
		return errors.New("usage: demo PATH-OF-GUESTRC")
	}
	program, err := filepath.Abs(os.Args[1])
	if err != nil {
		return err
	}
	say("Building an initramfs with a Go /init, for a distribution's kernel")
	image, err := tinyguest.Build(ctx, tinyguest.Options{})
	if err != nil {
		return err
	}
	fmt.Printf("kernel %s\ninitrd %s\n", image.Kernel, image.Initrd)
	root, err := os.MkdirTemp("", "guestrc-demo-")
	if err != nil {
		return err
	}
	if err := os.Chmod(root, 0o755); err != nil { // for QEMU, which leaves root
		return err
	}
	s := &stage{ctx, program, root}
	defer func() { err = errors.Join(err, s.clear()) }()

	if err := s.describe("qemu.demo", image, "gr.acpi=poweroff", ""); err != nil {
		return err
	}
	if err := s.describe("qemu.deaf", image, "gr.acpi=ignore", `stop_schedule="agent/3/acpi/6/quit/5/KILL/5"`+"\nacpi_resend=\"2\"\n"); err != nil {
		return err
	}
	return s.play()
}

// play runs the commands that an admin would.
func (s *stage) play() error {
	say("A guest is a file")
	conf, err := os.ReadFile(s.conf("qemu.demo"))
	if err != nil {
		return err
	}
	fmt.Printf("$ cat /etc/conf.d/qemu.demo\n%s", conf)
	return errors.Join(
		s.show("What would run", "plan", "qemu.demo"),
		s.show("Start it: the command returns when the guest says that it is up", "start", "qemu.demo"),
		s.show("How is it?", "status", "qemu.demo"),
		s.show("Stop it: the guest shuts itself down", "stop", "qemu.demo"),
		s.show("A guest that ignores its power button", "start", "qemu.deaf"),
		s.show("It goes down the ladder, and you are told why", "stop", "qemu.deaf"),
		s.show("Afterwards", "list"),
	)
}

func (s *stage) conf(name string) string { return filepath.Join(s.root, "etc/conf.d", name) }

func (s *stage) describe(name string, image tinyguest.Image, behaviour, more string) error {
	text := fmt.Sprintf(`# a guest of the demo: no disk, no network, no graphics
user="nobody"
group=""
enable_kvm="%s"
machine="q35"
memory="256M"
vga="none"
kernel="%s"
initrd="%s"
cmdline="console=ttyS0 quiet %s"
console="yes"
ready="console:guestrc: up"
%s`, cmp.Or(os.Getenv("DEMO_KVM"), "no"), image.Kernel, image.Initrd, behaviour, more)
	if err := os.MkdirAll(filepath.Dir(s.conf(name)), 0o755); err != nil {
		return err
	}
	return os.WriteFile(s.conf(name), []byte(text), 0o644)
}

// show prints a heading and a command, and runs it on our own terminal.
func (s *stage) show(heading string, args ...string) error {
	say(heading)
	fmt.Printf("$ guestrc %s\n", strings.Join(args, " "))
	cmd := exec.CommandContext(s.ctx, s.program, append([]string{"--root", s.root}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("guestrc %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// clear ends what still runs and removes the directory.
func (s *stage) clear() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, s.program, "--root", s.root, "kill", "qemu.demo", "qemu.deaf").CombinedOutput()
	if err != nil {
		return fmt.Errorf("guests may be left below %s: %w: %s", s.root, err, out)
	}
	return os.RemoveAll(s.root)
}

func say(heading string) { fmt.Printf("\n--- %s\n", heading) }
