package check

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/finding"
)

// Place is a file, directory or socket as it lies on disk. Symbolic links have no
// say in who may do what, and are none.
type Place struct {
	Path    string
	Subject string // the guest that it is of; empty: all
	Mode    fs.FileMode
	UID     uint32
	Theirs  bool   // it may belong to another user than root
	Trusted bool   // its group, too, may write there: the distribution has chosen it
	Secret  string // the variable with a password that is in it
	Open    bool   // every user can pass to it, through all directories above
}

// others may write to it.
const others = 0o022

// Access are the findings of permissions that are too loose; us is who we are,
// who may own things like root.
func Access(places []Place, us uint32) (all []finding.Finding) {
	for _, p := range places {
		add := func(id, command, after, format string, args ...any) {
			hint := ""
			if plain(p.Path) {
				hint = command + " " + p.Path + after
			}
			all = append(all, Rules().New(id, p.Subject, confd.Pos{File: p.Path}, fmt.Sprintf(format, args...), hint))
		}
		if p.Mode.Type() == fs.ModeSocket {
			if p.Open && p.Mode.Perm()&0o002 != 0 {
				add("GR704", "chmod o-rwx", "", "every user of the host can connect to it")
			}
			continue
		}
		if p.Mode.Type() != 0 && !p.Mode.IsDir() {
			continue
		}
		loose := p.Mode.Perm() & others
		if p.Trusted {
			loose &^= 0o020
		}
		if loose != 0 {
			add("GR701", "chmod go-w", ", once you have seen that nobody has used it", "its mode %#o lets others than its owner write to it", p.Mode.Perm())
		}
		if p.UID != 0 && p.UID != us && !p.Theirs {
			add("GR701", "chown root", ", once you have seen what is in it", "it belongs to uid %d, who can change it", p.UID)
		}
		if p.Secret != "" && p.Open && p.Mode.Perm()&0o004 != 0 {
			add("GR702", "chmod o-rwx", "", "%s is in it, and every user of the host can read it", p.Secret)
		}
	}
	return all
}

// plain tells whether a path can stand in a command as it is. The names in a
// guest's directory are those of whom the guest runs as, and people copy hints.
func plain(path string) bool {
	return strings.IndexFunc(path, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_@%+=:,./-", r))
	}) < 0
}
