package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	evKey    = 1   // EV_KEY, linux/input-event-codes.h
	keyPower = 116 // KEY_POWER
	pressed  = 1   // value of an EV_KEY event: 0 released, 1 pressed, 2 repeated
)

// inputEvent is struct input_event of linux/input.h on 64-bit machines.
type inputEvent struct {
	Sec, Usec  int64
	Type, Code uint16
	Value      int32
}

// buttons opens every power button there is (ACPI may show more than one) and
// reports each press.
func buttons() (<-chan struct{}, error) {
	paths, err := filepath.Glob("/dev/input/event*")
	if err != nil {
		return nil, fmt.Errorf("cannot look for input devices: %w", err)
	}
	presses := make(chan struct{}, 16)
	found := 0
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("cannot open an input device: %w", err)
		}
		if name := deviceName(f); name != "Power Button" {
			f.Close()
			continue
		}
		found++
		go watch(f, presses)
	}
	if found == 0 {
		return nil, fmt.Errorf("cannot find the power button among %d input devices", len(paths))
	}
	return presses, nil
}

// deviceName asks by EVIOCGNAME (linux/input.h); empty when it is not told.
func deviceName(f *os.File) string {
	var name [256]byte
	eviocgname := uintptr(2<<30 | len(name)<<16 | 'E'<<8 | 0x06) // _IOC(_IOC_READ, 'E', 0x06, len)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), eviocgname, uintptr(unsafe.Pointer(&name[0]))); errno != 0 {
		return ""
	}
	text, _, _ := strings.Cut(string(name[:]), "\x00")
	return text
}

func watch(r io.Reader, presses chan<- struct{}) {
	for {
		var e inputEvent
		if err := binary.Read(r, binary.NativeEndian, &e); err != nil {
			say("cannot read the power button: %v", err)
			return
		}
		if e.Type == evKey && e.Code == keyPower && e.Value == pressed {
			presses <- struct{}{}
		}
	}
}
