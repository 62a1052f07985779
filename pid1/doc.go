// Package pid1 asks the PID 1 of a container to power off or to reboot, in the
// way that this init understands, and reads the container's files. It refuses
// to execute anything inside, to resolve a path of the container outside of its
// root, to signal an init that would not hear it, and to touch the host's own
// init.
//
// # No signal stops them all
//
// SIGTERM stops openrc-init, reboots busybox's init and re-executes systemd.
// So PID 1 is identified first, by what the host's /proc tells: the names in it
// are the container's to choose, and count as hints; the sets of signals that
// it catches and blocks are the kernel's word. A wrong name makes a container
// stop badly, never anything outside of it.
//
// # A signal can be lost
//
// The first process of a pid namespace gets only those signals for which it has
// a handler, or which it blocks to read them (pid_namespaces(7)). One that comes
// before the init has set these up vanishes. So the request waits until it can
// be heard, and is looked after until it was taken.
//
// # What is read in a container is hostile
//
// Every path is resolved by the kernel inside the root (openat2, RESOLVE_IN_ROOT,
// no magic links), decisions are taken on the open file and not on a name, only
// regular files are ever opened, and whatever takes long is given up. What may
// reach a terminal has its control characters escaped.
package pid1
