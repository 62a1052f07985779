package command

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// The commands, src/lxc/commands.h; their numbers are the same in all LXC from
// 3.0 to 7.0.
const (
	getState       = 3
	getInitPid     = 4
	addStateClient = 10
)

// maxState is the number of states, and in a reply to addStateClient the value
// that says: a message will follow.
const maxState = 8

// states are in the order of lxc_state_t, src/lxc/state.h.
func states() []string {
	return []string{"STOPPED", "STARTING", "RUNNING", "STOPPING", "ABORTING", "FREEZING", "FROZEN", "THAWED"}
}

const (
	// replySize is that of struct lxc_cmd_rsp, and of the request: two ints and
	// a pointer of the monitor's ABI, which is taken to be ours.
	replySize = 8 + strconv.IntSize/8

	// messageSize is that of struct lxc_msg, src/lxc/monitor.h: the type, the
	// container's name (NAME_MAX and a NUL), the value.
	messageSize  = 4 + 256 + 4
	messageValue = 4 + 256
)

// request encodes struct lxc_cmd_req and the data that follows it. The pointer
// in it means nothing to the monitor.
func request(cmd uint32, data []byte) []byte {
	raw := make([]byte, replySize, replySize+len(data))
	binary.NativeEndian.PutUint32(raw, cmd)
	binary.NativeEndian.PutUint32(raw[4:], uint32(len(data)))
	return append(raw, data...)
}

// wish encodes the states that a client waits for, an int for each.
func wish(names []string) ([]byte, error) {
	raw := make([]byte, 4*maxState)
	for _, name := range names {
		i := slices.Index(states(), name)
		if i < 0 {
			return nil, fmt.Errorf("%q is no state of a container", name)
		}
		binary.NativeEndian.PutUint32(raw[4*i:], 1)
	}
	return raw, nil
}

// parseReply decodes struct lxc_cmd_rsp. All of our commands answer with a
// number in the place of the pointer; addStateClient gives it as ret, too.
func parseReply(raw []byte) (value int, err error) {
	if len(raw) != replySize {
		return 0, fmt.Errorf("the reply has %d bytes instead of %d", len(raw), replySize)
	}
	ret := int32(binary.NativeEndian.Uint32(raw))
	if ret < 0 {
		return 0, fmt.Errorf("the monitor refused: %w", unix.Errno(-int64(ret)))
	}
	if n := int32(binary.NativeEndian.Uint32(raw[4:])); n != 0 {
		return 0, fmt.Errorf("the reply announces %d bytes where none belong", n)
	}
	wide := uint64(binary.NativeEndian.Uint32(raw[8:]))
	if replySize == 16 {
		wide = binary.NativeEndian.Uint64(raw[8:])
	}
	if wide > math.MaxInt32 || ret != 0 && uint64(ret) != wide {
		return 0, errors.New("the reply is not in LXC's form")
	}
	return int(wide), nil
}

// parseMessage decodes struct lxc_msg, of which only the first type tells a
// state.
func parseMessage(raw []byte) (state string, err error) {
	if len(raw) != messageSize || binary.NativeEndian.Uint32(raw) != 0 {
		return "", errors.New("the message is not in LXC's form")
	}
	return stateName(int(binary.NativeEndian.Uint32(raw[messageValue:])))
}

func stateName(value int) (string, error) {
	if value < 0 || value >= maxState {
		return "", fmt.Errorf("%d is no state of a container", value)
	}
	return states()[value], nil
}
