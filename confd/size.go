package confd

import (
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// ParseSize reads a size and gives bytes. The unit is M unless K, M, G or T
// says otherwise, in powers of 1024 and any case, with or without B or iB; B
// alone is bytes. A fraction is allowed ("1.5G"). All that QEMU's -m takes in
// decimal (qemu(1)) means the same here.
func ParseSize(v Value) (uint64, error) {
	digits := len(v.Text) - len(strings.TrimLeft(v.Text, "0123456789."))
	unit, ok := sizeUnit(v.Text[digits:])
	whole, fraction, dotted := strings.Cut(v.Text[:digits], ".")
	if !ok || whole == "" || dotted && (fraction == "" || len(fraction) > 9) {
		return 0, v.not(Size)
	}
	n, err := strconv.ParseUint(whole, 10, 64)
	if err != nil {
		return 0, v.not(Size)
	}
	over, size := bits.Mul64(n, unit)
	if dotted {
		part, err := strconv.ParseUint(fraction, 10, 64)
		if err != nil {
			return 0, v.not(Size)
		}
		hi, lo := bits.Mul64(part, unit)
		part, _ = bits.Div64(hi, lo, uint64(math.Pow10(len(fraction))))
		var carry uint64
		size, carry = bits.Add64(size, part, 0)
		over += carry
	}
	if over != 0 || size > math.MaxInt64 {
		return 0, v.not(Size)
	}
	return size, nil
}

func sizeUnit(suffix string) (uint64, bool) {
	switch strings.ToUpper(suffix) {
	case "B":
		return 1, true
	case "K", "KB", "KIB":
		return 1 << 10, true
	case "", "M", "MB", "MIB":
		return 1 << 20, true
	case "G", "GB", "GIB":
		return 1 << 30, true
	case "T", "TB", "TIB":
		return 1 << 40, true
	}
	return 0, false
}
