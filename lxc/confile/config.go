// Package confile reads LXC's container configuration files (lxc.container.conf
// of section 5) with what they include, under their keys of today and under
// those of LXC 2 and older, and rewrites the old ones. It refuses what LXC
// refuses for its form, and what would make LXC hang or fall: includes in a
// circle, named pipes and devices, files without end. It runs nothing, and what
// values mean is mostly left to LXC.
package confile

// Entry is one "key = value".
type Entry struct {
	Key     string // as LXC spells it today: lxc.uts.name
	Written string // as it stands in the file: lxc.utsname
	Value   string // without the quotes around it; empty: takes back what was set before
	Pos     Pos    // of the key
	Legacy  bool   // Written is a key of LXC 2 or older, which LXC 3 and later refuse
	Dropped bool   // a legacy key without successor, or one that is part of another's value now
}

// Config is what a file says, together with what it includes.
type Config struct {
	Entries []Entry  // in order; what is included follows its lxc.include
	Ignored []Entry  // lines that do not begin with "lxc.", which LXC passes over in silence; Written only
	Files   []string // every file read, the first is the main one
	Dirs    []string // included directories
}

// Load reads the file at path and what it includes. All that is wrong comes as
// one error, joined from *Error values.
//
// Includes are followed as LXC does it (src/lxc/confile.c): a directory stands
// for its files *.conf, and one that is missing and written with a slash at its
// end for nothing. LXC reads them in the order of the file system, here it is
// that of their names. An include must be an absolute path: LXC takes others
// from wherever it was started.
func Load(path string) (*Config, error) {
	r := newReader(true)
	r.load(path)
	return r.config()
}

// Parse reads src alone, which came from the file of that name. Its lxc.include
// lines are entries like others.
func Parse(name string, src []byte) (*Config, error) {
	r := newReader(false)
	r.parse(&source{name: name, text: src})
	return r.config()
}

// Legacy returns the entries with a key of LXC 2 or older.
func (c *Config) Legacy() []Entry {
	var found []Entry
	for _, e := range c.Entries {
		if e.Legacy {
			found = append(found, e)
		}
	}
	return found
}
