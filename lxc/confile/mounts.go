package confile

import (
	"path/filepath"
	"strings"
)

// Mount is one line of lxc.mount.entry or of the file that lxc.mount.fstab
// names, in the form of fstab(5).
type Mount struct {
	Source  string
	Target  string // in the container; without a slash in front: relative to the rootfs
	Type    string
	Options []string // those of mount(8), and LXC's own: optional, create=dir, …
	Pos     Pos
}

// Mounts returns the mounts that the configuration lists: those of the file
// first, as LXC makes them. What lxc.mount.auto and LXC itself mount is not
// among them.
func (c *Config) Mounts() ([]Mount, error) {
	var mounts []Mount
	var errs []error
	add := func(line string, pos Pos) {
		if m, ok, err := parseMount(line, pos); err != nil {
			errs = append(errs, err)
		} else if ok {
			mounts = append(mounts, m)
		}
	}
	if e, ok := c.Get("lxc.mount.fstab"); ok {
		if err := eachLine(e, add); err != nil {
			errs = append(errs, err)
		}
	}
	for _, e := range c.All("lxc.mount.entry") {
		add(e.Value, e.Pos)
	}
	return mounts, join(errs[:min(len(errs), maxErrors)])
}

func eachLine(e Entry, add func(string, Pos)) error {
	if !filepath.IsAbs(e.Value) {
		return errorf(e.Pos, "write the whole path, from /", "cannot read %s: LXC would look for it from wherever it is started", e.Value)
	}
	text, _, err := readFile(e.Value)
	if err != nil {
		return &Error{Pos: e.Pos, Msg: "cannot read " + e.Value + ": " + cause(err).Error(), Err: err, ID: unusable}
	}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		col := 1 + len(line) - len(strings.TrimLeft(line, blank))
		add(strings.TrimSuffix(line, "\n"), place(e.Value, number, col))
	}
	return nil
}

// parseMount reads a line as getmntent(3) does, which LXC uses for both.
func parseMount(line string, pos Pos) (m Mount, ok bool, err error) {
	line = strings.Trim(line, blank)
	if line == "" || line[0] == '#' {
		return m, false, nil
	}
	fields := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(blank, r) })
	if len(fields) < 2 {
		return m, false, errorf(pos, "write: SOURCE TARGET TYPE OPTIONS 0 0", "a mount without a target")
	}
	for i, field := range fields {
		fields[i] = unescape.Replace(field)
	}
	m = Mount{Source: fields[0], Target: fields[1], Pos: pos}
	if len(fields) > 2 {
		m.Type = fields[2]
	}
	if len(fields) > 3 {
		m.Options = strings.Split(fields[3], ",")
	}
	return m, true, nil
}

// unescape is what getmntent(3) undoes: space, tab, newline and backslash.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`, `\\`, `\`)
