package qemu

import (
	"context"
	"regexp"
	"strconv"
	"strings"
)

// Registers as "info registers -a" of x86 guests prints them: a block for each
// CPU with EFL=00000046 and HLT=1.
var (
	flagsPattern = regexp.MustCompile(`\b[ER]FL=([0-9a-f]{8,16})\b`)
	haltPattern  = regexp.MustCompile(`\bHLT=([01])\b`)
)

// interruptFlag is IF of EFLAGS (Intel SDM vol. 1, 3.4.3).
const interruptFlag = 1 << 9

// halted reports whether every CPU has stopped with interrupts off, which is
// how a kernel ends that was told to halt rather than to power off. Nothing
// announces it, and nothing but a reset could end it.
func (t *target) halted(ctx context.Context) bool {
	var text string
	err := t.execute(ctx, "human-monitor-command", map[string]string{"command-line": "info registers -a"}, &text)
	return err == nil && allHalted(text)
}

func allHalted(registers string) bool {
	flags := flagsPattern.FindAllStringSubmatch(registers, -1)
	halts := haltPattern.FindAllStringSubmatch(registers, -1)
	if len(flags) == 0 || len(flags) != len(halts) {
		return false
	}
	for i := range flags {
		value, err := strconv.ParseUint(strings.TrimSpace(flags[i][1]), 16, 64)
		if err != nil || value&interruptFlag != 0 || halts[i][1] != "1" {
			return false
		}
	}
	return true
}
