package units

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	unitPattern  = regexp.MustCompile(`^[A-Za-z0-9:_.\\@-]+\.(automount|device|mount|path|scope|service|slice|socket|swap|target|timer)$`)
	plainPattern = regexp.MustCompile(`^/[A-Za-z0-9/:_.,=+~@-]*$`)
)

// maxUnit is the length of a unit's name in bytes (systemd.unit(5)).
const maxUnit = 255

func isUnit(name string) bool { return len(name) <= maxUnit && unitPattern.MatchString(name) }

// isPlain tells whether an absolute path stands for itself in a unit file.
func isPlain(path string) bool { return plainPattern.MatchString(path) }

// quotePath is an absolute path as RequiresMountsFor= takes it: cleaned, in
// double quotes if need be (systemd.syntax(7)), and safe of specifiers. Of the
// escapes only those of backslash and quote are understood there.
func quotePath(path string) (string, error) {
	control := func(r rune) bool { return unicode.IsControl(r) }
	switch {
	case !filepath.IsAbs(path):
		return "", fmt.Errorf("the path %q is not absolute", path)
	case !utf8.ValidString(path) || strings.ContainsFunc(path, control):
		return "", fmt.Errorf("a unit file cannot name the path %q", path)
	}
	path = filepath.Clean(path)
	if isPlain(path) {
		return path, nil
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`).Replace(path) + `"`, nil
}

// deviceUnit is the unit that udev's word on a device node, or on anything else
// in /sys, makes active (systemd.device(5)).
func deviceUnit(path string) (string, error) {
	escaped, err := escapePath(path)
	if err != nil {
		return "", err
	}
	if escaped += ".device"; len(escaped) > maxUnit {
		return "", fmt.Errorf("the path %q is too long for a unit's name", path)
	}
	return escaped, nil
}

func interfaceUnit(name string) (string, error) {
	if name == "" || strings.ContainsAny(name, "/ \t\n") {
		return "", fmt.Errorf("%q is no interface's name", name)
	}
	return deviceUnit("/sys/subsystem/net/devices/" + name)
}

// escapePath is "systemd-escape --path" (systemd.unit(5), string escaping).
func escapePath(path string) (string, error) {
	if !filepath.IsAbs(path) || slices.Contains(strings.Split(path, "/"), "..") {
		return "", fmt.Errorf("the path %q is not absolute, or has .. in it", path)
	}
	path = filepath.Clean(path)
	if path == "/" {
		return "-", nil
	}
	return escape(path[1:]), nil
}

// escape makes any text part of a unit's name, as systemd-escape(1) does.
func escape(text string) string {
	var b strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case c == '/':
			b.WriteByte('-')
		case isPlainByte(c) && (c != '.' || i > 0):
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	return b.String()
}

// isPlainByte tells whether a byte of an escaped name stands for itself.
func isPlainByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == ':' || c == '_' || c == '.'
}

// comment keeps text in its line.
func comment(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return strings.TrimRight(text, `\`) // which would join the next line
}
