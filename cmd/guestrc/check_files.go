package main

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"github.com/guestrc/guestrc/check"
	"github.com/guestrc/guestrc/finding"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pidfile"
)

// access are the findings of places.
func (d *doctor) access(places []check.Place) []finding.Finding {
	return check.Access(places, uint32(os.Geteuid()))
}

// place looks at one; false where there is nothing, or a symbolic link.
func (d *doctor) place(path, subject string, theirs bool) (check.Place, bool) {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&fs.ModeSymlink != 0 {
		return check.Place{}, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return check.Place{}, false
	}
	return check.Place{Path: path, Subject: subject, Mode: info.Mode(), UID: st.Uid, Theirs: theirs, Open: d.reaches.everyone(filepath.Dir(path))}, true
}

// below adds a directory and what lies directly in it; theirs tells of a name
// whether it may be another user's.
func (d *doctor) below(dir, subject string, theirs func(name string) bool) (all []check.Place) {
	if p, ok := d.place(dir, subject, theirs(".")); ok {
		all = append(all, p)
		if !p.Mode.IsDir() {
			return all
		}
	}
	f, err := os.Open(dir)
	if err != nil {
		return all
	}
	defer f.Close()
	names, _ := f.Readdirnames(mostFiles)
	for _, name := range names {
		if p, ok := d.place(filepath.Join(dir, name), subject, theirs(name)); ok {
			all = append(all, p)
		}
	}
	return all
}

// mostFiles of a directory are looked at, in which a guest's user may make any
// number.
const mostFiles = 256

func nobodys(string) bool  { return false }
func anybodys(string) bool { return true }

// ourOwn are the files of a run directory that must be root's: what they say
// decides which process is signalled.
var ourOwn = []string{".", guest.RecordFile, pidfile.LockFile, pidfile.LeaseFile}

// places are those of one guest.
func (d *doctor) places(x guest.Examination) (all []check.Place) {
	l, name := d.e.house.Layout, x.Name.String()
	all = d.below(l.RunDir(x.Name), name, func(file string) bool { return !slices.Contains(ourOwn, file) })
	all = append(all, d.below(l.SockDir(x.Name), name, anybodys)...)
	all = slices.DeleteFunc(all, func(p check.Place) bool { return p.Path == l.SockDir(x.Name) && !p.Mode.IsDir() })
	for _, h := range x.Holds {
		if p, ok := d.place(h.Key, name, true); h.Sort == guest.HoldSocket && ok && p.Mode.Type() == fs.ModeSocket && filepath.Dir(h.Key) != l.SockDir(x.Name) {
			all = append(all, p)
		}
	}
	if p, ok := d.place(l.LogFile(x.Name), name, true); ok {
		all = append(all, p)
	}
	if p, ok := d.place(filepath.Join(l.HistoryDir(), name+".jsonl"), name, false); ok {
		all = append(all, p)
	}
	secret := secrets(x)
	for _, file := range sortedKeys(secret) {
		if p, ok := d.target(file, name); ok {
			p.Secret = secret[file]
			all = append(all, p)
		}
	}
	return dedupe(all)
}

// target is place of what a symbolic link leads to: conf.d files may be links.
func (d *doctor) target(path, subject string) (check.Place, bool) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return check.Place{}, false
	}
	return d.place(real, subject, true) // whose it may be, its reader has checked
}

func dedupe(places []check.Place) []check.Place {
	var all []check.Place
	for _, p := range places {
		if !slices.ContainsFunc(all, func(o check.Place) bool { return o.Path == p.Path && o.Secret == p.Secret }) {
			all = append(all, p)
		}
	}
	return all
}

// sharedPlaces are those of no guest alone.
func (d *doctor) sharedPlaces() (all []check.Place) {
	l := d.e.house.Layout
	one := func(path string) {
		if p, ok := d.place(path, "", false); ok {
			all = append(all, p)
		}
	}
	for _, path := range []string{l.ConfDir(), l.RunBase(), l.PrivateBase(), filepath.Join(l.RunBase(), "host-shutdown"),
		l.At("var", "log", "guestrc"), l.At("var", "lib", "guestrc"), l.HistoryDir(), l.CacheDir()} {
		one(path)
	}
	all = append(all, d.below(filepath.Join(l.RunBase(), "depend"), "", nobodys)...)
	for _, path := range d.installedPaths() {
		if p, ok := d.place(l.At(path), "", false); ok {
			all = append(all, p)
			if dir, ok := d.place(filepath.Dir(l.At(path)), "", false); ok {
				dir.Trusted = true // as Debian's /usr/local/bin is the group staff's
				all = append(all, dir)
			}
		}
	}
	return dedupe(all)
}

// reaches remembers which directories every user may pass through, from the root
// on.
type reaches struct {
	mu    sync.Mutex
	known map[string]bool
}

func (r *reaches) everyone(dir string) bool {
	r.mu.Lock()
	open, known := r.known[dir]
	r.mu.Unlock()
	if known {
		return open
	}
	info, err := os.Stat(dir)
	open = err == nil && info.Mode().Perm()&0o001 != 0
	if parent := filepath.Dir(dir); open && parent != dir {
		open = r.everyone(parent)
	}
	r.mu.Lock()
	r.known[dir] = open
	r.mu.Unlock()
	return open
}

// secrets are the files of a guest that hold a password, and the variable.
func secrets(x guest.Examination) map[string]string {
	found := map[string]string{}
	if x.Config == nil {
		return nil
	}
	for _, v := range x.Config.Values {
		if known, _, _, ok := x.Vars.Lookup(v.Name); ok && known.Secret && v.Text != "" && v.Pos.File != "" {
			found[v.Pos.File] = v.Name
		}
	}
	return found
}

// sortedKeys are those of a map of files.
func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
