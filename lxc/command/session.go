package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
)

// session is one connection: the monitor takes one request on each.
type session struct {
	conn  *net.UnixConn
	stop  func() bool // lets go of the context
	pid   int         // who sent all that was read, in our pid namespace
	value int         // of the reply
}

// open connects. The session's reads and writes end with ctx.
func open(ctx context.Context, socket string) (*session, error) {
	// Before connect(2): what was sent earlier would have no sender.
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		return control(raw, func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1) })
	}}
	c, err := dialer.DialContext(ctx, "unix", "@"+socket)
	if errors.Is(err, unix.ECONNREFUSED) {
		return nil, ErrNobody
	}
	if err != nil {
		return nil, err
	}
	s := &session{conn: c.(*net.UnixConn)}
	s.stop = context.AfterFunc(ctx, func() { s.conn.SetDeadline(time.Unix(1, 0)) })
	if err := s.checkListener(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *session) close() {
	s.stop()
	s.conn.Close() // nothing is left to be written
}

func control(raw syscall.RawConn, f func(fd int) error) (err error) {
	closed := raw.Control(func(fd uintptr) { err = f(int(fd)) })
	return errors.Join(closed, err)
}

// checkListener looks at the uid that called listen(2). Else a stranger could
// hand our connection to a program of root's as its output.
func (s *session) checkListener() error {
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return err
	}
	return control(raw, func(fd int) error {
		peer, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err != nil {
			return err
		}
		return checkUID(peer.Uid)
	})
}

func checkUID(uid uint32) error {
	if uid != 0 && uid != uint32(os.Geteuid()) {
		return fmt.Errorf("%w: uid %d", ErrStranger, uid)
	}
	return nil
}

// exchange takes the reply to one request.
func (s *session) exchange(request []byte) error {
	if err := s.send(request); err != nil {
		return err
	}
	reply := make([]byte, replySize)
	if err := s.read(reply); err != nil {
		return err
	}
	var err error
	s.value, err = parseReply(reply)
	return err
}

// send writes a request with our credentials, which the monitor asks for.
func (s *session) send(request []byte) error {
	me := unix.UnixCredentials(&unix.Ucred{Pid: int32(os.Getpid()), Uid: uint32(os.Getuid()), Gid: uint32(os.Getgid())})
	n, _, err := s.conn.WriteMsgUnix(request, me, nil)
	switch {
	case errors.Is(err, unix.EPIPE), errors.Is(err, unix.ECONNRESET):
		return errHangup
	case err == nil && n < len(request):
		return io.ErrShortWrite
	}
	return err
}

// maxRights is SCM_MAX_FD (include/net/scm.h), what one message can carry.
const maxRights = 253

// read fills buf. Every part must come from the same process.
func (s *session) read(buf []byte) error {
	oob := make([]byte, unix.CmsgSpace(unix.SizeofUcred)+unix.CmsgSpace(4*maxRights))
	for got := 0; got < len(buf); {
		n, oobn, flags, _, err := s.conn.ReadMsgUnix(buf[got:], oob)
		if err := s.attest(oob[:oobn], flags, n > 0); err != nil {
			return err
		}
		switch {
		case err == nil && n > 0:
			got += n
		case errors.Is(err, unix.ECONNRESET), got == 0 && (err == nil || errors.Is(err, io.EOF)):
			return errHangup
		case err == nil || errors.Is(err, io.EOF):
			return io.ErrUnexpectedEOF
		default:
			return err
		}
	}
	return nil
}

// attest closes whatever descriptors came along, and with content looks at the
// sender.
func (s *session) attest(control []byte, flags int, content bool) error {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return fmt.Errorf("cannot read who sent the reply: %w", err)
	}
	var sender *unix.Ucred
	rights := false
	for _, m := range messages {
		if fds, err := unix.ParseUnixRights(&m); err == nil {
			rights = true
			for _, fd := range fds {
				unix.Close(fd)
			}
		} else if cred, err := unix.ParseUnixCredentials(&m); err == nil {
			sender = cred
		}
	}
	switch {
	case rights || flags&unix.MSG_CTRUNC != 0:
		return errors.New("the reply brought descriptors that nobody asked for")
	case !content:
		return nil
	case sender == nil:
		return errors.New("the kernel does not say who sent the reply")
	}
	if err := checkUID(sender.Uid); err != nil {
		return err
	}
	switch {
	case sender.Pid <= 0:
		return fmt.Errorf("cannot tell who sent the reply: %w", pidfile.ErrForeign)
	case s.pid != 0 && s.pid != int(sender.Pid):
		return errors.New("two processes answer")
	}
	s.pid = int(sender.Pid)
	return nil
}
