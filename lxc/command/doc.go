// Package command asks the monitor of an LXC container, the lxc-start that
// stays behind it, over the socket that LXC's own tools use. It refuses an
// answer whose sender the kernel does not attest: any process of the same
// network namespace may listen on the socket's name.
//
// # Who answers
//
// The process that called listen(2) has ended when lxc-start went into the
// background, so SO_PEERCRED names a process number that may be anybody's; only
// its uid is of use. The kernel also attaches the sender's number and uid to
// each reply (SCM_CREDENTIALS, unix(7)). The monitor is the process that sent
// one reply, was then held by a pidfd, sent another and had not ended after it.
//
// # What is not defended against
//
// Root: a process with CAP_SYS_ADMIN may name another as the sender. A
// privileged container that shares our network namespace has such processes.
package command

import "errors"

var (
	// ErrNobody says that nothing listens: the container does not run, or its
	// monitor is in another network namespace.
	ErrNobody = errors.New("nothing listens on its command socket")

	// ErrStranger says that a process listens or answers that is neither root's
	// nor ours.
	ErrStranger = errors.New("somebody else listens on its command socket")

	// errHangup is what a monitor that ends does to its clients.
	errHangup = errors.New("it closed the connection without an answer")
)
