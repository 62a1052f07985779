package qemu

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// haltedLinux is what QEMU 7.2 showed of a Linux 6.1 with two CPUs that was
// told to halt, abridged.
const haltedLinux = `
CPU#0
RAX=ffffffff9506ab00 RBX=0000000000000000 RCX=0000000000000160 RDX=0000000000000003
RIP=ffffffff9503d023 RFL=00000092 [--S-A--] CPL=0 II=0 A20=1 SMM=0 HLT=1
CR0=80050033 CR2=000011f12a555e00 CR3=0000000001f60000 CR4=000006b0

CPU#1
RAX=ffffffff9506ab00 RBX=0000000000000001 RCX=00000000c0000080 RDX=0000000000000000
RIP=ffffffff9503d023 RFL=00000093 [--S-A-C] CPL=0 II=0 A20=1 SMM=0 HLT=1
CR0=80050033 CR2=000011f12a5c3ff8 CR3=0000000001f60000 CR4=000006a0
`

func TestAllHalted(t *testing.T) {
	second := func(old, new string) string {
		i := strings.LastIndex(haltedLinux, old)
		return haltedLinux[:i] + new + haltedLinux[i+len(old):]
	}
	for name, c := range map[string]struct {
		registers string
		want      bool
	}{
		"all":                    {haltedLinux, true},
		"16 bits":                {"CPU#0\r\nEIP=00000002 EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=1\r\n", true},
		"one idles":              {second("RFL=00000093", "RFL=00000293"), false},
		"one runs":               {second("HLT=1", "HLT=0"), false},
		"one says nothing of it": {second(" HLT=1", ""), false},
		"64 flags":               {"RFL=0000000000000246 HLT=1", false},
		"ARM":                    {"CPU#0\n PC=ffff800008010000 X00=0000000000000000\nPSTATE=600003c5 -ZC- EL1h\n", false},
		"nothing":                {"", false},
	} {
		if got := allHalted(c.registers); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// One look is not enough, and a monitor that ends in between proves nothing.
func TestHaltedLooksTwice(t *testing.T) {
	for name, c := range map[string]struct {
		looks []string
		want  bool
	}{
		"stays":      {[]string{haltedLinux, haltedLinux}, true},
		"moves":      {[]string{haltedLinux, strings.Replace(haltedLinux, "RBX=0000000000000001", "RBX=0000000000000003", 1)}, false},
		"runs again": {[]string{haltedLinux, strings.Replace(haltedLinux, "HLT=1", "HLT=0", 1)}, false},
		"ends":       {[]string{haltedLinux}, false},
		"runs":       {[]string{strings.ReplaceAll(haltedLinux, "HLT=1", "HLT=0")}, false},
	} {
		looks := c.looks
		ask := func(_ context.Context, _ string, _, reply any) error {
			if len(looks) == 0 {
				return errors.New("gone")
			}
			*reply.(*string), looks = looks[0], looks[1:]
			return nil
		}
		if got := halted(t.Context(), ask); got != c.want || len(looks) > 0 {
			t.Errorf("%s: %v, %d looks left", name, got, len(looks))
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if halted(ctx, func(_ context.Context, _ string, _, reply any) error { *reply.(*string) = haltedLinux; return nil }) {
		t.Error("decided after the first look, as there was no time for a second")
	}
}

// The guest chooses what is in its registers, never the text around them.
func FuzzAllHalted(f *testing.F) {
	f.Add(haltedLinux)
	f.Add("EFL=00000002 HLT=1")
	f.Add("RFL=ffffffffffffffff HLT=1 RFL=0000000 HLT=1")
	f.Fuzz(func(t *testing.T, text string) {
		if !allHalted(text) {
			return
		}
		if strings.Contains(text, "HLT=0 ") || !strings.Contains(text, "HLT=1") || !strings.Contains(text, "FL=") {
			t.Errorf("halted: %q", text)
		}
	})
}
