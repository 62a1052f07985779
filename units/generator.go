package units

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Service is one instance's unit, as far as its files say more than the
// template.
type Service struct {
	Kind, Instance string

	Source  string // the file that describes it, absolute; empty: none of its own
	Problem string // what is wrong with its files; its start will say so too

	// Units, by name. Requires are also ordered after; Wants too.
	Requires, Wants, After, Before []string

	Mounts     []string // paths, absolute: what is mounted on the way to them goes first
	Devices    []string // device nodes, absolute: waited for, as long as systemd has patience
	Interfaces []string // network interfaces: likewise

	Start time.Duration // what its start may take; 0: as the template says
	Stop  time.Duration // what its stop may take; 0: as the template says; math.MaxInt64: for ever

	Respawn Respawn

	notAfter, notBefore []string // units by which Untangle says that it cannot be ordered
}

// Name is the unit of an instance: "guestrc-qemu@db.service". An instance needs
// no escaping, as every byte that its name can have stands for itself in a
// unit's name (systemd.unit(5)).
func Name(kind, instance string) string {
	return "guestrc-" + kind + "@" + instance + ".service"
}

// Write writes the drop-in below dir, the first directory that systemd hands to
// a generator (systemd.generator(7)). What a unit file cannot hold is left out:
// the error says what, and the rest is written.
func (s Service) Write(dir string) error {
	text, left := s.dropin()
	unit := Name(s.Kind, s.Instance)
	below := filepath.Join(dir, unit+".d")
	err := os.Mkdir(below, 0o755)
	if err == nil || errors.Is(err, fs.ErrExist) {
		err = os.WriteFile(filepath.Join(below, "50-guestrc.conf"), []byte(text), 0o644)
	}
	if err != nil {
		err = fmt.Errorf("cannot write the drop-in of %s: %w", unit, err)
	}
	return errors.Join(left, err)
}
