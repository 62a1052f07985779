package guest

import (
	"fmt"
	"strings"
)

// Name is a guest's full name: the kind, a dot, and the instance.
type Name struct {
	Kind     string // "qemu"
	Instance string // "db"
}

// String gives KIND.NAME, the form used everywhere.
func (n Name) String() string { return n.Kind + "." + n.Instance }

const (
	lower = "abcdefghijklmnopqrstuvwxyz"
	upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digit = "0123456789"
)

// isName tells whether s has 1 to longest bytes, the first one of first, and all
// of first and rest. A regular expression would be compiled at every execution.
func isName(s string, longest int, first, rest string) bool {
	return s != "" && len(s) <= longest && strings.Contains(first, s[:1]) && strings.Trim(s, first+rest) == ""
}

func isKindName(s string) bool { return isName(s, 16, lower, digit) }

func isInstanceName(s string) bool { return isName(s, 64, lower+upper+digit, "_.-") }

// ParseName reads KIND.NAME. It is the only place that does; whatever holds a
// Name need not check it again. The instance is safe as one path element, as
// the %i of a systemd unit and as an OpenRC service name.
func ParseName(s string) (Name, error) {
	kind, instance, ok := strings.Cut(s, ".")
	switch {
	case !ok:
		return Name{}, &Error{Status: StatusUsage, Msg: fmt.Sprintf("cannot read guest name %q: it has no dot", clip(s)),
			Hint: "a guest is KIND.NAME, for example qemu.db"}
	case !isKindName(kind):
		return Name{}, &Error{Status: StatusUsage, Msg: fmt.Sprintf("cannot read guest name %q: %q is no kind", clip(s), clip(kind)),
			Hint: "a guest is KIND.NAME, for example qemu.db"}
	case !isInstanceName(instance):
		return Name{}, &Error{Status: StatusUsage, Msg: fmt.Sprintf("cannot read guest name %q: the part after the first dot is not valid", clip(s)),
			Hint: "1 to 64 letters, digits, _ . or -, the first a letter or digit"}
	}
	return Name{kind, instance}, nil
}

// clip keeps hostile input from flooding a message.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
