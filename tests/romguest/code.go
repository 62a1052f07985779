package romguest

import "encoding/binary"

// Code is x86 machine code for a CPU as it comes out of reset: 16 bits, real
// mode, interrupts off. Pieces are joined with Do.
type Code []byte

// Do runs pieces one after the other; the CPU halts for good behind the last.
func Do(pieces ...Code) Code {
	var all Code
	for _, p := range pieces {
		all = append(all, p...)
	}
	return all
}

// Halt is cli; hlt, for ever: a kernel that was told to halt.
func Halt() Code { return Code{0xfa, 0xf4, 0xeb, 0xfd} }

// Idle masks the interrupt controllers and then is sti; hlt, for ever: a
// kernel that has nothing to do.
func Idle() Code {
	return Do(out8(0x21, 0xff), out8(0xa1, 0xff), Code{0xfb, 0xf4, 0xeb, 0xfd})
}

// Spin is jmp to itself: a guest that does nothing about anything.
func Spin() Code { return Code{0xeb, 0xfe} }

// Count takes n steps of a loop: some 100 million a second without KVM.
func Count(n uint32) Code {
	c := binary.LittleEndian.AppendUint32(Code{0x66, 0xb9}, n) // mov ecx, n
	return append(c, 0x66, 0x49, 0x75, 0xfc)                   // dec ecx; jnz to the dec
}

// Up tells Guest.AwaitUp that the code has come this far.
func Up() Code { return out8(debugPort, 'U') }

const debugPort = 0xe9

// The power management of the ICH9 (q35). Its registers are where PMBASE of
// the LPC bridge, PCI 00:1f.0, says (Intel ICH9 datasheet, 13.1.13, 13.8.3).
const (
	pmBase    = 0x600
	pmStatus  = pmBase + 0
	pmEnable  = pmBase + 2
	pmControl = pmBase + 4

	powerButton = 1 << 8  // PWRBTN_STS, PWRBTN_EN
	sleep       = 1 << 13 // SLP_EN
	sleepRAM    = 1 << 10 // SLP_TYP as QEMU numbers it: 0 is off, 1 suspends to RAM
)

// ListenToButton turns power management on; presses from now on are kept.
func ListenToButton() Code {
	const lpc = 0x8000f800
	return Do(out32(0xcf8, lpc|0x40), out32(0xcfc, pmBase|1), out32(0xcf8, lpc|0x44), out8(0xcfc, 0x80),
		out16(pmEnable, powerButton))
}

// AwaitPress spins until the power button was pressed, and forgets that press.
func AwaitPress() Code {
	return Do(
		Code{0xba, pmStatus & 0xff, pmStatus >> 8}, // mov dx, pmStatus
		Code{0xed, 0xf6, 0xc4, powerButton >> 8},   // in ax, dx; test ah, powerButton>>8
		Code{0x74, 0xfa},                           // jz to the in
		out16(pmStatus, powerButton))               // written back, it is cleared
}

// PowerOff enters S5.
func PowerOff() Code { return out16(pmControl, sleep) }

// SuspendOnce enters S3 the first time that it runs; after the wake-up, which
// begins at the reset vector with memory kept, it does nothing.
func SuspendOnce() Code {
	suspend := Do(Code{0xc6, 0x06, 0x00, 0x70, 0x01}, // mov byte [0x7000], 1
		out16(pmControl, sleep|sleepRAM), Halt())
	return Do(Code{0x80, 0x3e, 0x00, 0x70, 0x01}, // cmp byte [0x7000], 1
		Code{0x74, byte(len(suspend))}, suspend) // je past it
}

// Reset is a write to the reset control register, port 0xCF9.
func Reset() Code { return Do(out8(0xcf9, 0x06), Halt()) }

// Panic tells the pvpanic device (-device pvpanic) of a panic.
func Panic() Code { return Do(out8(0x505, 0x01), Halt()) }

// Print writes to the first serial port, as slowly as that takes it: a socket
// behind it has room for some 200 unread bytes that are written one by one.
func Print(text string) Code {
	const com1, lineStatus, empty = 0x3f8, 0x3fd, 0x20
	var c Code
	for _, b := range []byte(text) {
		c = Do(c, Code{0xba, lineStatus & 0xff, lineStatus >> 8}, // mov dx, lineStatus
			Code{0xec, 0xa8, empty, 0x74, 0xfb}, // in al, dx; test al, empty; jz to the in
			out8(com1, b))
	}
	return c
}

func out8(port uint16, v byte) Code {
	return Code{0xb0, v, 0xba, byte(port), byte(port >> 8), 0xee} // mov al, v; mov dx, port; out dx, al
}

func out16(port, v uint16) Code {
	return Code{0xb8, byte(v), byte(v >> 8), 0xba, byte(port), byte(port >> 8), 0xef}
}

func out32(port uint16, v uint32) Code {
	c := binary.LittleEndian.AppendUint32(Code{0x66, 0xb8}, v) // mov eax, v
	return append(c, 0xba, byte(port), byte(port>>8), 0x66, 0xef)
}

// Firmware is code as a file that QEMU takes for firmware.
func Firmware(c Code) []byte { return rom(c) }

// rom is firmware that begins with c: QEMU maps it to the end of the address
// space, where a CPU starts 16 bytes before the end and jumps to F000:0000.
func rom(c Code) []byte {
	const size = 64 << 10
	image := make([]byte, size)
	copy(image, Do(c, Halt()))
	copy(image[size-16:], []byte{0xea, 0x00, 0x00, 0x00, 0xf0}) // jmp f000:0000
	return image
}
