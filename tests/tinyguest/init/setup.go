package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func mountAll() error {
	// The kernel makes the root of an initramfs writable for all; sshd objects.
	if err := os.Chmod("/", 0o755); err != nil {
		return fmt.Errorf("cannot protect the root: %w", err)
	}
	for _, m := range []struct{ kind, at string }{
		{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"devpts", "/dev/pts"}, {"tmpfs", "/run"}, {"tmpfs", "/tmp"},
	} {
		if err := os.MkdirAll(m.at, 0o755); err != nil {
			return fmt.Errorf("cannot make a mount point: %w", err)
		}
		if err := unix.Mount(m.kind, m.at, m.kind, 0, ""); err != nil {
			return fmt.Errorf("cannot mount %s: %w", m.at, err)
		}
	}
	// What programs expect to find; /run is empty at every boot.
	for _, dir := range []string{"/var/run", "/run/sshd", "/run/lock"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("cannot make a directory: %w", err)
		}
	}
	return nil
}

// loadModules loads a directory's modules in the order of their names.
func loadModules(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("cannot find the modules: %w", err)
	}
	for _, e := range entries {
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			return fmt.Errorf("cannot load a module: %w", err)
		}
		err = unix.FinitModule(int(f.Fd()), "", 0)
		f.Close()
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("cannot load %s: %w", e.Name(), err)
		}
	}
	return nil
}

// linkPorts makes /dev/virtio-ports/NAME, as udev's rules do.
func linkPorts() error {
	names, err := filepath.Glob("/sys/class/virtio-ports/*/name")
	if err != nil {
		return fmt.Errorf("cannot look for virtio ports: %w", err)
	}
	for _, file := range names {
		name, err := os.ReadFile(file)
		if err != nil {
			continue // a port without a name has no link
		}
		if err := os.MkdirAll("/dev/virtio-ports", 0o755); err != nil {
			return fmt.Errorf("cannot link a virtio port: %w", err)
		}
		link := filepath.Join("/dev/virtio-ports", strings.TrimSpace(string(name)))
		if err := os.Symlink("../"+filepath.Base(filepath.Dir(file)), link); err != nil {
			return fmt.Errorf("cannot link a virtio port: %w", err)
		}
	}
	return nil
}

// start runs PATH[,ARG…] each in the background, with the console as output.
func start(specs []string) (running []*os.Process, err error) {
	for _, spec := range specs {
		argv := strings.Split(spec, ",")
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
		if err := cmd.Start(); err != nil {
			return nil, fmt.Errorf("cannot start %s: %w", argv[0], err)
		}
		running = append(running, cmd.Process)
		go func() { say("%s ended: %v", argv[0], cmd.Wait()) }()
	}
	return running, nil
}

// freeze makes programs that were started answer no more, once they had the
// time to open their sockets.
func freeze(programs []*os.Process) {
	if len(programs) == 0 {
		return
	}
	time.Sleep(2 * time.Second)
	for _, p := range programs {
		if err := p.Signal(unix.SIGSTOP); err != nil {
			say("cannot freeze a program: %v", err)
		}
	}
}

// show prints the first line of a file or device.
func show(path string) {
	f, err := os.Open(path)
	if err != nil {
		say("show %v", err)
		return
	}
	defer f.Close()
	line, _ := bufio.NewReaderSize(f, 512).ReadSlice('\n') // an over-long line is cut
	say("show %s %q", path, strings.TrimRight(string(line), "\x00\n"))
}
