package pidfile

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Identity is what a state record keeps of a process. Pid is the number in the
// pid namespace of whoever captured it and means nothing by itself.
type Identity struct {
	Pid        int    `json:"pid"`
	BootID     string `json:"boot_id"`          // random(4): changes with every boot
	Handle     string `json:"handle,omitempty"` // pidfs file handle in hex, its type first; Linux 6.14
	Inode      uint64 `json:"inode,omitempty"`  // of the pidfd; unique in a boot on 64 bits; Linux 6.9
	StartTicks uint64 `json:"start_ticks"`      // proc_pid_stat(5) field 22, in clock ticks since boot
	Exe        string `json:"exe,omitempty"`    // text of /proc/PID/exe when it was captured
	ExeDev     uint64 `json:"exe_dev,omitempty"`
	ExeIno     uint64 `json:"exe_ino,omitempty"`
	Cgroup     string `json:"cgroup,omitempty"` // informational
}

// maxPid is the kernel's PID_MAX_LIMIT on 64 bits (include/linux/threads.h).
const maxPid = 1 << 22

// check refuses a record that Capture cannot have made.
func (id *Identity) check() error {
	switch {
	case id.Pid < 2 || id.Pid > maxPid:
		return fmt.Errorf("%d is no process number", id.Pid)
	case id.StartTicks == 0:
		return errors.New("it has no start time")
	}
	if id.Handle != "" {
		if _, err := parseHandle(id.Handle); err != nil {
			return err
		}
	}
	return nil
}

// otherExe says what the process runs now when it is not what it ran then.
func (id *Identity) otherExe() string {
	text, dev, ino := exeOf(id.Pid)
	if ino != 0 && ino == id.ExeIno && dev == id.ExeDev {
		return ""
	}
	return fmt.Sprintf("it runs %s instead of %s", orUnknown(text), orUnknown(id.Exe))
}

// maxHandle is MAX_HANDLE_SZ (include/linux/exportfs.h).
const maxHandle = 128

// formatHandle writes a file handle as hex: four bytes of type, big-endian,
// then the handle's own bytes.
func formatHandle(h unix.FileHandle) string {
	raw := binary.BigEndian.AppendUint32(nil, uint32(h.Type()))
	return hex.EncodeToString(append(raw, h.Bytes()...))
}

func parseHandle(text string) (unix.FileHandle, error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) <= 4 || len(raw) > 4+maxHandle {
		return unix.FileHandle{}, fmt.Errorf("%.40q is no file handle", text)
	}
	return unix.NewFileHandle(int32(binary.BigEndian.Uint32(raw)), raw[4:]), nil
}
