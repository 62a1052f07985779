package command

import (
	"bytes"
	"testing"
)

func FuzzReply(f *testing.F) {
	f.Add(raw(0, 0, 2))
	f.Add(raw(8, 0, 8))
	f.Add(raw(-1, 0, 0))
	f.Add(raw(0, 1<<30, 0))
	f.Add(raw(0, 0, 1<<63))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		value, err := parseReply(data)
		if err == nil && (value < 0 || value > 1<<31-1 || !bytes.Equal(data, raw(0, 0, uint64(value))) && !bytes.Equal(data, raw(int32(value), 0, uint64(value)))) {
			t.Errorf("%x is read as %d", data, value)
		}
	})
}

func FuzzMessage(f *testing.F) {
	good := make([]byte, messageSize)
	good[messageValue] = 2
	f.Add(good)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		state, err := parseMessage(data)
		if _, bad := wish([]string{state}); (err == nil) != (bad == nil) {
			t.Errorf("%x is read as %q (%v)", data, state, err)
		}
	})
}

func TestAddresses(t *testing.T) {
	for _, tt := range []struct{ lxcpath, name, want string }{
		{"/var/lib/lxc", "web", "/var/lib/lxc/web/command"},
		{"/var/lib/lxc//", "web", "/var/lib/lxc/web/command"},
		{"/", "web", "/web/command"},
	} {
		if got := address(tt.lxcpath, tt.name); got != tt.want {
			t.Errorf("%s %s: %s", tt.lxcpath, tt.name, got)
		}
	}
}

func TestUnknownStatesCannotBeAwaited(t *testing.T) {
	if _, err := Await(t.Context(), "/gr-fake", "x", "RUNING"); err == nil {
		t.Error("no error")
	}
}
