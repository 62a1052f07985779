package confd

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func value(text string) Value {
	return Value{Name: "x", Text: text, Pos: Pos{"f", 3, 1}}
}

// reads holds a reader against texts and what they mean; nil: refused.
func reads[T any](t *testing.T, read func(Value) (T, error), want map[string]any) {
	t.Helper()
	for text, want := range want {
		got, err := read(value(text))
		if want == nil {
			var e *Error
			if !errors.As(err, &e) || e.Pos.Line != 3 || e.Hint == "" || !strings.HasPrefix(e.Msg, "x is ") {
				t.Errorf("%q = %v, %v, want a refusal", text, got, err)
			}
			continue
		}
		if diff := cmp.Diff(want, any(got)); diff != "" || err != nil {
			t.Errorf("%q: %v %s", text, err, diff)
		}
	}
}

func TestParseBool(t *testing.T) {
	reads(t, ParseBool, map[string]any{
		"yes": true, "YES": true, "True": true, "on": true, "1": true, "no": false, "false": false, "OFF": false, "0": false,
		"": nil, "y": nil, "2": nil, "yes ": nil, "auto": nil,
	})
}

func TestParseNumbers(t *testing.T) {
	reads(t, ParseInt, map[string]any{"0": 0, "007": 7, "2147483647": 2147483647, "-1": nil, "+1": nil, "": nil, "1.5": nil, "0x1": nil, "1_0": nil, "2147483648": nil, " 1": nil})
	reads(t, ParseSigned, map[string]any{"0": 0, "-5": -5, "+5": 5, "-2147483648": -2147483648, "": nil, "--5": nil, "5s": nil, "99999999999": nil})
	reads(t, ParseSeconds, map[string]any{"0": time.Duration(0), "60": time.Minute, "1m": nil, "-1": nil, "1.5": nil, "": nil, "9999999999": nil})
}

func TestParseSize(t *testing.T) {
	const m = uint64(1 << 20)
	reads(t, ParseSize, map[string]any{
		"0": uint64(0), "512": 512 * m, "512M": 512 * m, "512m": 512 * m, "512MB": 512 * m, "512MiB": 512 * m, "1G": 1024 * m, "1g": 1024 * m, "1GiB": 1024 * m,
		"2T": 2 * 1024 * 1024 * m, "64K": uint64(64 << 10), "4096B": uint64(4096), "1.5G": 1536 * m, "0.5": m / 2, "1.999999999K": uint64(2047), "8388607T": uint64(8388607) << 40,
		"": nil, "G": nil, "1X": nil, "1GI": nil, "1BB": nil, "1I": nil, "-1": nil, "+1": nil, "1 G": nil, "1.": nil, ".5G": nil, "1.2.3": nil, "1.0000000001G": nil,
		"8388608T": nil, "99999999999999999999": nil, "18446744073709551615T": nil, "0x10": nil, "1e3": nil, "1,5G": nil,
	})
}

func TestParseMAC(t *testing.T) {
	text := func(v Value) (string, error) {
		mac, err := ParseMAC(v)
		return mac.String(), err
	}
	reads(t, text, map[string]any{
		"52:54:00:12:34:56": "52:54:00:12:34:56", "52-54-00-AB-CD-EF": "52:54:00:ab:cd:ef",
		"": nil, "52:54:00:12:34": nil, "52:54:00:12:34:56:78:9a": nil, "5254.0012.3456": nil, "53:54:00:12:34:56": nil, "ff:ff:ff:ff:ff:ff": nil,
		"00:00:00:00:00:00": nil, "52:54:00:12:34:5g": nil, "525400123456": nil,
	})
}

func TestParseCPUs(t *testing.T) {
	reads(t, ParseCPUs, map[string]any{
		"0": []int{0}, "10-11": []int{10, 11}, "3,0-1": []int{0, 1, 3}, "1,1,0-2": []int{0, 1, 2}, "0-8:4": []int{0, 4, 8}, "5-5": []int{5}, "8191": []int{8191},
		"": nil, "1,": nil, ",1": nil, "2-1": nil, "a": nil, "-1": nil, "1-": nil, "8192": nil, "0-3:0": nil, "1:2": nil, "0-1-2": nil, " 1": nil, "+1": nil,
		strings.Repeat("0-8191,", 9) + "1": nil,
	})
}

func TestSplitWords(t *testing.T) {
	reads(t, SplitWords, map[string]any{
		"": []string(nil), " \t\n": []string(nil), "a": []string{"a"}, " a  b\tc\n": []string{"a", "b", "c"}, "-device 'a b'": []string{"-device", "a b"},
		`"a b"c`: []string{"a bc"}, `''`: []string{""}, `"" ''`: []string{"", ""}, `a\ b`: []string{"a b"}, `"a\"b\$\\\x"`: []string{`a"b$\\x`}, `'a\b'`: []string{`a\b`},
		`$HOME *`: []string{"$HOME", "*"}, "a\\\nb": []string{"ab"}, "\"a\\\nb\"": []string{"ab"}, "\\\n": []string(nil), `\'`: []string{"'"}, "é\u00a0x": []string{"é\u00a0x"},
		"'a": nil, `"a`: nil, `"a\"`: nil, `a\`: nil, `it's`: nil,
	})
}

func TestCheckTypes(t *testing.T) {
	choices := []string{"none", "bios", "tcp:"}
	tests := []struct {
		typ       Type
		good, bad []string
	}{
		{String, []string{"", "anything", "a b"}, nil},
		{Words, []string{"", "a 'b c'"}, []string{"'a"}},
		{Bool, []string{"", "yes"}, []string{"maybe"}},
		{Int, []string{"", "4"}, []string{"-4", "four"}},
		{Signed, []string{"", "-4"}, []string{"four"}},
		{Seconds, []string{"", "60"}, []string{"1m"}},
		{Size, []string{"", "1G"}, []string{"big"}},
		{Path, []string{"", "/dev/vda"}, []string{"disk.img", "~/x", " /x"}},
		{Enum, []string{"", "none", "tcp:22"}, []string{"None", "tcp:", "tcp", "udp:22", "bios "}},
		{MAC, []string{"", "52:54:00:12:34:56"}, []string{"52:54"}},
		{CPUs, []string{"", "0-1"}, []string{"all"}},
		{Schedule, []string{"", "agent/10/acpi/60/KILL/5", "TERM/5", "forever", "acpi/60/forever"}, []string{"acpi", "60", "acpi/", "/60", "acpi/60/quit", "forever/5/", "acpi/x", "60/acpi", "acpi//5"}},
		{"", []string{"", "anything"}, nil},
	}
	for _, tt := range tests {
		for _, secret := range []bool{false, true} {
			table := Table{{Name: "x", Type: tt.typ, Choices: choices, Secret: secret}}
			for _, text := range tt.good {
				if _, err := table.Check(&Config{Values: []Value{value(text)}}); err != nil {
					t.Errorf("%s %q: %v", tt.typ, text, err)
				}
			}
			for _, text := range tt.bad {
				_, err := table.Check(&Config{Values: []Value{value(text)}})
				var e *Error
				if !errors.As(err, &e) || e.Pos != (Pos{"f", 3, 1}) || !secret && e.Hint == "" {
					t.Errorf("%s %q: %v", tt.typ, text, err)
				} else if secret && strings.Contains(e.Msg+e.Hint, quote(text)) {
					t.Errorf("%s: the secret %q is in %q", tt.typ, text, e.Msg)
				}
			}
		}
	}
}

func TestLongTextIsCut(t *testing.T) {
	_, err := ParseInt(value(strings.Repeat("x", 5000)))
	if err == nil || len(err.Error()) > 150 {
		t.Errorf("got %v", err)
	}
}
