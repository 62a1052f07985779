package units

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Warn says something about a unit, or about none, where it will be found in the journal, also
// by "journalctl -u" and "systemctl status" of that unit. It is for a generator,
// whose standard error is /dev/null (systemd 252), and whom the manager waits
// for, so it never waits itself: journald gets a datagram (systemd's journal
// native protocol), and where there is no journald yet, at boot, the kernel's log
// a line. In a container there may be neither.
func Warn(root, identifier, unit, message string) error {
	err := datagram(filepath.Join(root, "run/systemd/journal/socket"), entry(identifier, unit, message))
	if err == nil || kernelLog(filepath.Join(root, "dev/kmsg"), identifier, strings.TrimPrefix(unit+": "+message, ": ")) == nil {
		return nil
	}
	return fmt.Errorf("cannot write to the journal: %w", err)
}

// warning is syslog(3)'s LOG_WARNING.
const warning = 4

// entry is a message of journald's. journalctl(1) takes OBJECT_SYSTEMD_UNIT from
// root as a word about that unit.
func entry(identifier, unit, message string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "PRIORITY=%d\n", warning)
	for _, field := range [][2]string{{"SYSLOG_IDENTIFIER", identifier}, {"OBJECT_SYSTEMD_UNIT", unit}, {"MESSAGE", message}} {
		if field[1] == "" {
			continue
		}
		b.WriteString(field[0] + "\n")
		_ = binary.Write(&b, binary.LittleEndian, uint64(len(field[1]))) // to memory
		b.WriteString(field[1] + "\n")
	}
	return b.Bytes()
}

func datagram(path string, text []byte) error {
	s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	return unix.Sendto(s, text, unix.MSG_NOSIGNAL, &unix.SockaddrUnix{Name: path})
}

// kernelLog writes one line to what is certainly a device.
func kernelLog(path, identifier, message string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return fmt.Errorf("%s is no device", path)
	}
	text := fmt.Sprintf("<%d>%s[%d]: %s", warning, identifier, os.Getpid(), comment(message))
	_, err = f.WriteString(text[:min(len(text), maxRecord)] + "\n")
	return err
}

// maxRecord is what the kernel takes at once, somewhat less than 1,024 bytes
// (kernel/printk/printk.c).
const maxRecord = 900
