// Package lxc makes containers of LXC guests: it reads their configuration,
// starts them by lxc-start, and ends them by the signal that their own PID 1
// understands. LXC's monitor is the guest's process; everything done to a
// container goes to the one whose monitor was identified. It refuses to run a
// command where it could reach the host's init instead of the container's, and
// it never runs code of ours inside.
package lxc
