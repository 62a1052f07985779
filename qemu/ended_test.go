package qemu

import "testing"

func TestTheLastLineOfALog(t *testing.T) {
	for text, want := range map[string]string{
		"": "",
		"qemu-system-x86_64: warning: x\nqemu-system-x86_64: terminating on signal 15 from pid 312 (bash)\n": "terminating on signal 15 from pid 312 (bash)",
		"/opt/q: terminating on signal 2 \x1b[2J\n\n":                                                        "terminating on signal 2 \uFFFD[2J",
		"no colon\n": "",
	} {
		if got := lastMessage(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
