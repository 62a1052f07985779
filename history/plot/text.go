package plot

import (
	"math"
	"strconv"
	"strings"
	"unicode"
)

// width estimates how wide text is in a sans-serif font of that size, in the
// wider fonts that viewers have (DejaVu Sans, Verdana): no label may be cut.
func width(text string, size float64) float64 {
	var em float64
	for _, r := range text {
		switch {
		case strings.ContainsRune("ijl|'!.,:; ", r):
			em += 0.36
		case strings.ContainsRune("frtI()[]/-", r):
			em += 0.44
		case strings.ContainsRune("mwMW@%", r):
			em += 1
		case r >= 'A' && r <= 'Z':
			em += 0.72
		case r >= 0x1100: // beyond alphabets; many are as wide as high
			em += 1.05
		default:
			em += 0.64
		}
	}
	return em * size
}

// clip shortens text to n characters.
func clip(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return text
}

// fit shortens a name in the middle, as its end tells guests apart, until it is
// at most that wide.
func fit(name string, size, most float64) string {
	runes := []rune(name)
	short := name
	for n := len(runes) - 1; n > 2 && width(short, size) > most; n-- {
		tail := n / 2
		short = string(runes[:n-tail]) + "…" + string(runes[len(runes)-tail:])
	}
	return short
}

// escape makes text XML character data. What XML 1.0 (2.2) has no place for, and
// what would act on a viewer's text rather than show (control and format
// characters), becomes a replacement character.
func escape(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '&':
			b.WriteString("&amp;")
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '"':
			b.WriteString("&quot;")
		case r == '\n' || r == '\t':
			b.WriteByte(' ')
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == 0xfffe || r == 0xffff || r > unicode.MaxRune:
			b.WriteRune(unicode.ReplacementChar)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// num writes a coordinate, to a tenth of a pixel.
func num(f float64) string { return strconv.FormatFloat(math.Round(f*10)/10, 'f', -1, 64) }
