package command

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/guestrc/guestrc/pidfile"
)

// Answer is what the monitor says of its container.
type Answer struct {
	State   string // one of LXC's: "STARTING", "RUNNING", "STOPPING", ...
	InitPid int    // the container's PID 1 in the monitor's pid namespace, 0 for none
}

// attempts bounds how often a monitor is asked anew that ended, or hung up,
// while it was asked; the one after it, if any, serves its clients.
const attempts = 3

// Ask returns the container's monitor and what it says. The monitor is attested
// by the kernel; its words are hints: before InitPid is used, hold it by
// pidfile.Capture and see that its parent is the monitor. The caller closes the
// monitor. ErrNobody: the container does not run; ErrStranger: another user's
// process has the socket.
func Ask(ctx context.Context, lxcpath, name string) (*pidfile.Process, Answer, error) {
	socket := address(lxcpath, name)
	err := errors.New("its monitor changes all the time")
	for range attempts {
		monitor, answer, again, asked := askOnce(ctx, socket)
		if !again {
			return monitor, answer, failed(ctx, lxcpath, name, asked)
		}
		err = errors.Join(asked, err)
	}
	return nil, Answer{}, failed(ctx, lxcpath, name, err)
}

// askOnce asks two questions. The process that answered the first is held while
// the second is asked, so its number is not another's then.
func askOnce(ctx context.Context, socket string) (monitor *pidfile.Process, answer Answer, again bool, err error) {
	first, err := exchange(ctx, socket, request(getInitPid, nil))
	if err != nil {
		return nil, answer, false, err
	}
	first.close()
	monitor, err = pidfile.Capture(first.pid)
	if err != nil {
		return nil, answer, errors.Is(err, pidfile.ErrGone), err
	}
	second, err := exchange(ctx, socket, request(getState, nil))
	if err == nil {
		second.close()
		again = second.pid != first.pid || monitor.Ended()
		answer.InitPid = first.value
		answer.State, err = stateName(second.value)
	}
	if again || err != nil {
		monitor.Close()
		return nil, Answer{}, again, err
	}
	return monitor, answer, false, nil
}

// exchange sends a request and reads the reply, on a connection that stays open.
func exchange(ctx context.Context, socket string, request []byte) (*session, error) {
	err := errHangup
	for n := 0; n < attempts && errors.Is(err, errHangup); n++ {
		var s *session
		if s, err = open(ctx, socket); err != nil {
			return nil, err
		}
		if err = s.exchange(request); err == nil {
			return s, nil
		}
		s.close()
	}
	return nil, err
}

// Await returns once the container is in one of the states, and says in which;
// "STOPPED" also when its monitor is gone. LXC tells its clients: nothing is
// asked twice. A monitor that is still starting answers when it has made the
// container's processes.
func Await(ctx context.Context, lxcpath, name string, states ...string) (string, error) {
	wanted, err := wish(states)
	if err != nil {
		return "", fmt.Errorf("cannot wait for %q: %w", name, err)
	}
	socket := address(lxcpath, name)
	for range attempts {
		var state string
		state, err = awaitOnce(ctx, socket, request(addStateClient, wanted))
		switch {
		case errors.Is(err, ErrNobody):
			return "STOPPED", nil
		case errors.Is(err, errHangup):
			continue // either it is gone, or it dropped its clients for a reboot
		case err == nil && !slices.Contains(states, state):
			err = fmt.Errorf("the monitor tells of %s, which nobody asked for", state)
		}
		if err != nil {
			return "", failed(ctx, lxcpath, name, err)
		}
		return state, nil
	}
	return "", failed(ctx, lxcpath, name, err)
}

func awaitOnce(ctx context.Context, socket string, request []byte) (string, error) {
	s, err := exchange(ctx, socket, request)
	if err != nil {
		return "", err
	}
	defer s.close()
	if s.value != maxState {
		return stateName(s.value)
	}
	message := make([]byte, messageSize)
	if err := s.read(message); err != nil {
		return "", err
	}
	return parseMessage(message)
}

// failed gives errors the form of this module; ctx's own comes first, for
// whatever it broke.
func failed(ctx context.Context, lxcpath, name string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return fmt.Errorf("cannot ask the monitor of %q: %w", lxcpath+"/"+name, err)
}
