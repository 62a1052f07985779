// Package qmp talks to QEMU's monitor and to the guest agent, one command at a
// time, every step under a context. It refuses to wait without a deadline for
// a peer that does not answer, and it knows nothing of what guests are.
package qmp
