package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// behaviour is what the words of the kernel command line ask for.
type behaviour struct {
	acpi     string        // gr.acpi: what a press of the button does
	agent    string        // gr.agent: what poweroff, reboot and halt do when a program calls them
	boot     string        // gr.boot: what to do by itself once up
	after    time.Duration // gr.after: milliseconds between up and that
	late     time.Duration // gr.late: milliseconds that booting takes longer
	slowdown time.Duration // gr.slowdown: milliseconds between being asked and going down
	address  string        // ip=ADDRESS/PREFIX[,GATEWAY], for eth0
	gateway  string
	tcpPort  int      // gr.tcp: greets and echoes there
	greet    string   // gr.greet=ADDRESS:PORT: sends that one a UDP packet, so that its host hears from it
	run      []string // gr.run=PATH[,ARG…], may be repeated
	freeze   bool     // gr.freeze=yes: those programs are stopped by SIGSTOP
	notify   bool     // gr.notify=yes: says READY=1 once up where systemd would, see notify.go
	show     []string // gr.show=PATH, may be repeated: print its first line
}

var (
	acpiWays  = []string{"poweroff", "reboot", "halt", "panic", "ignore", "second", "cancel"}
	agentWays = []string{"poweroff", "ignore"}
	bootWays  = []string{"", "poweroff", "reboot", "halt", "panic", "hang"}
)

// parse refuses words of ours that it does not know: a test with a typing
// error must not pass.
func parse(cmdline string) (*behaviour, error) {
	b := &behaviour{acpi: "poweroff", agent: "poweroff"}
	for word := range strings.FieldsSeq(cmdline) {
		name, value, _ := strings.Cut(word, "=")
		var err error
		switch name {
		case "ip":
			b.address, b.gateway, _ = strings.Cut(value, ",")
		case "gr.acpi":
			b.acpi, err = oneOf(value, acpiWays)
		case "gr.agent":
			b.agent, err = oneOf(value, agentWays)
		case "gr.boot":
			b.boot, err = oneOf(value, bootWays)
		case "gr.after":
			b.after, err = milliseconds(value)
		case "gr.late":
			b.late, err = milliseconds(value)
		case "gr.slowdown":
			b.slowdown, err = milliseconds(value)
		case "gr.tcp":
			b.tcpPort, err = strconv.Atoi(value)
		case "gr.greet":
			b.greet = value
		case "gr.run":
			b.run = append(b.run, value)
		case "gr.show":
			b.show = append(b.show, value)
		case "gr.freeze":
			b.freeze = value == "yes"
		case "gr.notify":
			b.notify = value == "yes"
		default:
			if strings.HasPrefix(name, "gr.") {
				err = fmt.Errorf("unknown word")
			}
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read %q on the command line: %w", word, err)
		}
	}
	return b, nil
}

func oneOf(value string, known []string) (string, error) {
	if !slices.Contains(known, value) {
		return "", fmt.Errorf("not one of %q", known)
	}
	return value, nil
}

func milliseconds(value string) (time.Duration, error) {
	n, err := strconv.ParseUint(value, 10, 31)
	return time.Duration(n) * time.Millisecond, err
}

// serve waits for presses and requests until the guest ends; it does not return.
func (b *behaviour) serve(pressed <-chan struct{}, asked <-chan os.Signal, programs []*os.Process) {
	var ownWay, down <-chan time.Time
	if b.boot != "" {
		ownWay = time.After(b.after)
	}
	how := ""
	for presses := 0; ; {
		select {
		case <-ownWay:
			if b.boot != "hang" {
				end(b.boot)
			}
			say("hanging")
			freeze(programs)
			pressed, asked = nil, nil
		case <-pressed:
			presses++
			say("button pressed")
			switch {
			case b.acpi == "ignore", b.acpi == "second" && presses == 1:
			case b.acpi == "cancel" && down != nil:
				say("cancelled")
				down = nil
			case down == nil:
				how, down = b.acpi, time.After(b.slowdown)
			}
		case sig := <-asked:
			say("asked to end by %v", sig)
			if b.agent != "ignore" && down == nil {
				how, down = signalMeans(sig), time.After(b.slowdown)
			}
		case <-down:
			end(how)
		}
	}
}

// signalMeans is busybox init's and sysvinit's reading of signals.
func signalMeans(sig os.Signal) string {
	switch sig {
	case unix.SIGUSR1:
		return "halt"
	case unix.SIGTERM:
		return "reboot"
	}
	return "poweroff"
}

// end does not return, except from a failed system call.
func end(how string) {
	unix.Sync()
	say("%s", how)
	var err error
	switch how {
	case "reboot":
		err = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
	case "halt":
		say("System halted")
		err = unix.Reboot(unix.LINUX_REBOOT_CMD_HALT)
	case "panic":
		err = os.WriteFile("/proc/sysrq-trigger", []byte("c"), 0)
	default: // poweroff; also second and cancel, which end like that
		err = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	}
	say("cannot %s: %v", how, err)
}
