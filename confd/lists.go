package confd

import (
	"net"
	"slices"
	"strconv"
	"strings"
)

// maxCPU is the highest CPU number that a kernel can be built for (8192 of
// them: NR_CPUS_RANGE_END in arch/x86/Kconfig).
const maxCPU = 8191

// ParseCPUs reads a list as taskset(1) -c does: numbers, ranges and ranges
// with a stride, such as 0,2-3,8-14:2. The result is sorted, each CPU once.
func ParseCPUs(v Value) ([]int, error) {
	var cpus []int
	for item := range strings.SplitSeq(v.Text, ",") {
		span, stride, strided := strings.Cut(item, ":")
		first, last, ranged := strings.Cut(span, "-")
		if !ranged {
			last = first
		}
		step := "1"
		if strided {
			step = stride
		}
		from, ok1 := cpuNumber(first)
		to, ok2 := cpuNumber(last)
		by, ok3 := cpuNumber(step)
		if !ok1 || !ok2 || !ok3 || from > to || by == 0 || strided && !ranged {
			return nil, v.not(CPUs)
		}
		for n := from; n <= to; n += by {
			cpus = append(cpus, n)
		}
		if len(cpus) > 4*maxCPU {
			return nil, v.not(CPUs)
		}
	}
	slices.Sort(cpus)
	return slices.Compact(cpus), nil
}

func cpuNumber(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return int(n), err == nil && n <= maxCPU
}

// ParseMAC reads six bytes in hex with ":" or "-" between them. An address of
// a group (IEEE 802: the lowest bit of the first byte) and the one that is all
// zero are refused: no machine may have them.
func ParseMAC(v Value) (net.HardwareAddr, error) {
	mac, err := net.ParseMAC(v.Text) // takes other lengths and forms as well
	switch {
	case err != nil || len(v.Text) != len("52:54:00:12:34:56") || mac.String() == "00:00:00:00:00:00":
		return nil, v.not(MAC)
	case mac[0]&1 != 0:
		return nil, v.not(MAC).WithID(groupID)
	}
	return mac, nil
}

// SplitWords splits a text at blanks as POSIX sh splits a command line, with
// '…', "…" and \ (XCU 2.2), and without expanding anything. An init script
// that uses $extra_args unquoted splits at the same blanks but keeps quotes as
// characters; for a text without quotes and backslashes both agree.
func SplitWords(v Value) ([]string, error) {
	var words []string
	var word strings.Builder
	open := false // a word has begun, be it an empty one: ''
	s := v.Text
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case ' ', '\t', '\n':
			if open {
				words = append(words, word.String())
				word.Reset()
			}
			open = false
		case '\'':
			end := strings.IndexByte(s[i+1:], '\'')
			if end < 0 {
				return nil, v.not(Words)
			}
			word.WriteString(s[i+1 : i+1+end])
			i += 1 + end
			open = true
		case '"':
			n := quotedText(&word, s[i+1:])
			if n < 0 {
				return nil, v.not(Words)
			}
			i += n
			open = true
		case '\\':
			if i++; i == len(s) {
				return nil, v.not(Words)
			}
			if s[i] != '\n' { // a joined line is nothing
				word.WriteByte(s[i])
				open = true
			}
		default:
			word.WriteByte(c)
			open = true
		}
	}
	if open {
		words = append(words, word.String())
	}
	return words, nil
}

// quotedText adds the text up to the closing double quote to word and gives
// the length with the quote, -1 when there is none.
func quotedText(word *strings.Builder, s string) int {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return i + 1
		case c == '\\' && i+1 < len(s) && strings.IndexByte("$`\"\\", s[i+1]) >= 0:
			i++
			word.WriteByte(s[i])
		case c == '\\' && i+1 < len(s) && s[i+1] == '\n':
			i++
		default:
			word.WriteByte(c)
		}
	}
	return -1
}
