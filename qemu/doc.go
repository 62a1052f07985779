// Package qemu is the kind "qemu": it turns conf.d variables into a QEMU
// command line, starts QEMU, talks to its monitor and to the guest's agent,
// and supplies the rungs that bring the guest down. It knows no init system,
// and it never signals a process that package pidfile has not identified.
package qemu
