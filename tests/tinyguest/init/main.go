// Command init is PID 1 of the guests that tests and the demo boot: it loads
// its modules, says "guestrc: up" on the console, and reacts to the power
// button as a distribution would, or as the kernel command line tells it to
// (see behaviour). Under another name (poweroff, shutdown, sh, …) it is that
// tool, as far as a guest agent or an SSH session needs it.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	if os.Getpid() != 1 {
		os.Exit(tool(filepath.Base(os.Args[0]), os.Args[1:]))
	}
	say("%v", boot())
	end("poweroff") // a guest that could not boot must not hang the test
}

// boot brings the guest up and serves it until it ends; it returns when that
// fails.
func boot() error {
	if err := mountAll(); err != nil {
		return err
	}
	line, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return fmt.Errorf("cannot read the command line: %w", err)
	}
	b, err := parse(string(line))
	if err != nil {
		return err
	}
	if err := loadModules("/modules"); err != nil {
		return err
	}
	time.Sleep(b.late)
	if err := linkPorts(); err != nil {
		return err
	}
	if b.address != "" {
		if err := configure("eth0", b.address, b.gateway); err != nil {
			return err
		}
	}
	if b.tcpPort != 0 {
		if err := serve(b.tcpPort); err != nil {
			return err
		}
	}
	if b.greet != "" {
		if err := greet(b.greet); err != nil {
			return err
		}
	}
	for _, path := range b.show {
		show(path)
	}
	programs, err := start(b.run)
	if err != nil {
		return err
	}
	if b.freeze {
		freeze(programs)
	}
	// Only who has the device open gets its events: earlier presses are lost,
	// as they are in every guest that is still booting.
	pressed, err := buttons()
	if err != nil {
		return err
	}
	asked := make(chan os.Signal, 8)
	signal.Notify(asked, unix.SIGUSR1, unix.SIGUSR2, unix.SIGTERM)
	say("up")
	if b.notify {
		if err := notify("STATUS=Startup finished.\nREADY=1\n"); err != nil {
			return err
		}
	}
	b.serve(pressed, asked, programs)
	return nil
}

// say writes a line to the console.
func say(format string, args ...any) {
	fmt.Printf("guestrc: "+format+"\n", args...)
}
