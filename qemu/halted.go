package qemu

import (
	"context"
	"regexp"
	"strconv"
	"time"
)

// asker executes a command of a monitor.
type asker func(ctx context.Context, name string, arguments, reply any) error

// haltedAgain lies between the two looks that tell a guest that has halted.
const haltedAgain = 100 * time.Millisecond

// halted reports whether every CPU has stopped with interrupts off, which is
// how an x86 kernel ends that was told to halt rather than to power off.
// Nothing announces it, and nothing but a reset could end it.
//
// One look is not enough: QEMU reads the CPUs one after the other, and Linux
// waits for a spinlock under KVM in this very state, one CPU at a time. So
// every register must be the same a while later. Other architectures are never
// found halted.
func halted(ctx context.Context, ask asker) bool {
	first := registers(ctx, ask)
	if !allHalted(first) {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(haltedAgain):
	}
	return registers(ctx, ask) == first
}

// registers are those of all CPUs, "" when the monitor does not tell.
func registers(ctx context.Context, ask asker) (text string) {
	command := map[string]string{"command-line": "info registers -a"}
	if ask(ctx, "human-monitor-command", command, &text) != nil {
		return ""
	}
	return text
}

// Registers as "info registers -a" of x86 guests prints them, a block for each
// CPU: EFL=00000046 (RFL= in 64-bit mode) and, on the same line, HLT=1.
var (
	flagsPattern = regexp.MustCompile(`\b[ER]FL=([0-9a-f]{8,16})\b`)
	haltPattern  = regexp.MustCompile(`\bHLT=([01])\b`)
)

// interruptFlag is IF of EFLAGS (Intel SDM vol. 1, 3.4.3).
const interruptFlag = 1 << 9

// registersRoom is more than a thousand CPUs' registers take, in bytes.
const registersRoom = 2 << 20

func allHalted(registers string) bool {
	if len(registers) > registersRoom {
		return false
	}
	flags := flagsPattern.FindAllStringSubmatch(registers, -1)
	halts := haltPattern.FindAllStringSubmatch(registers, -1)
	if len(flags) == 0 || len(flags) != len(halts) {
		return false
	}
	for i := range flags {
		value, err := strconv.ParseUint(flags[i][1], 16, 64)
		if err != nil || value&interruptFlag != 0 || halts[i][1] != "1" {
			return false
		}
	}
	return true
}
