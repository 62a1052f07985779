package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/units"
)

// copies are how names end that people, editors and package managers give to
// another version of a file.
var copies = strings.Fields("bak backup old orig save new tmp off disabled dpkg-old dpkg-new dpkg-dist dpkg-bak ucf-old ucf-new ucf-dist rpmnew rpmsave rpmorig apk-new pacnew pacsave pacorig")

// isCopy tells whether a file only looks like a guest's: it lies beside a guest's
// of which it is another version, and nothing starts it. It has the same disks and
// addresses, which is no fault.
func (d *doctor) isCopy(n guest.Name) bool {
	ending := strings.TrimPrefix(filepath.Ext(n.Instance), ".")
	l, of := d.e.house.Layout, guest.Name{Kind: n.Kind, Instance: strings.TrimSuffix(n.Instance, "."+ending)}
	if !slices.Contains(copies, ending) || !there(l.ConfFiles(of)[1]) {
		return false
	}
	return !there(d.e.script(n)) && !there(l.RunDir(n)) && !d.files.Enabled(units.Name(n.Kind, n.Instance))
}

// leftAside tells by a file's name alone that it is another version of one.
func leftAside(name string) bool {
	return strings.HasSuffix(name, "~") || slices.Contains(copies, strings.TrimPrefix(filepath.Ext(name), "."))
}

func there(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
