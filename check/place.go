package check

import (
	"fmt"
	"io/fs"

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
	Secret  string // the variable with a password that is in it
	Open    bool   // every user can pass to it, through all directories above
}

// others may write to it.
const others = 0o022

// Access are the findings of permissions that are too loose; us is who we are,
// who may own things like root.
func Access(places []Place, us uint32) (all []finding.Finding) {
	for _, p := range places {
		add := func(id, hint, format string, args ...any) {
			all = append(all, Rules().New(id, p.Subject, confd.Pos{File: p.Path}, fmt.Sprintf(format, args...), hint))
		}
		if p.Mode.Type() == fs.ModeSocket {
			if p.Open && p.Mode.Perm()&0o002 != 0 {
				add("GR704", "chmod o-rwx "+p.Path, "every user of the host can connect to it")
			}
			continue
		}
		if p.Mode.Type() != 0 && !p.Mode.IsDir() {
			continue
		}
		if p.Mode.Perm()&others != 0 {
			add("GR701", "chmod go-w "+p.Path+", once you have seen that nobody has used it", "its mode %#o lets others than its owner write to it", p.Mode.Perm())
		}
		if p.UID != 0 && p.UID != us && !p.Theirs {
			add("GR701", "chown root "+p.Path+", once you have seen what is in it", "it belongs to uid %d, who can change it", p.UID)
		}
		if p.Secret != "" && p.Open && p.Mode.Perm()&0o004 != 0 {
			add("GR702", "chmod o-rwx "+p.Path, "%s is in it, and every user of the host can read it", p.Secret)
		}
	}
	return all
}
