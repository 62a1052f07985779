package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// tool is what runs under the names that the harness links to init. It
// understands the command lines that qemu-ga's guest-shutdown
// (/sbin/shutdown -P|-H|-r) and an SSH session (sh -c COMMAND) use.
func tool(name string, args []string) (status int) {
	switch name {
	case "poweroff":
		return ask(unix.SIGUSR2)
	case "halt":
		return ask(unix.SIGUSR1)
	case "reboot":
		return ask(unix.SIGTERM)
	case "shutdown":
		switch {
		case slices.Contains(args, "-r"):
			return ask(unix.SIGTERM)
		case slices.Contains(args, "-H"):
			return ask(unix.SIGUSR1)
		}
		return ask(unix.SIGUSR2)
	case "true":
		return 0
	case "sh":
		return shell(args)
	}
	fmt.Fprintf(os.Stderr, "%s: not in this guest\n", name)
	return 127
}

// ask signals init, as the tools of busybox and sysvinit do.
func ask(sig unix.Signal) int {
	if err := unix.Kill(1, sig); err != nil {
		fmt.Fprintf(os.Stderr, "cannot signal init: %v\n", err)
		return 1
	}
	return 0
}

// shell runs the simple command of sh -c "COMMAND": words, no syntax.
func shell(args []string) int {
	if len(args) < 2 || args[0] != "-c" {
		fmt.Fprintln(os.Stderr, "sh: only sh -c COMMAND")
		return 2
	}
	words := strings.Fields(args[1])
	if len(words) > 0 && words[0] == "exec" {
		words = words[1:]
	}
	if len(words) == 0 {
		return 0
	}
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	if cmd.ProcessState != nil {
		return cmd.ProcessState.ExitCode()
	}
	fmt.Fprintf(os.Stderr, "sh: %v\n", err)
	return 127
}
