package guest

import (
	"os"
	"path/filepath"
)

// Layout is where everything lies. Root is "/" on a host; tests and packagers
// move it with --root. Paths inside conf.d files are never moved.
type Layout struct {
	Root string
	// Run is where the run directories are instead of /run/guestrc, for guests
	// that are nobody's service (guestrc run). It is not moved by Root.
	Run string
}

// At is a path below the root.
func (l Layout) At(elem ...string) string {
	return filepath.Join(append([]string{"/", l.Root}, elem...)...)
}

// ConfDir holds KIND and KIND.NAME.
func (l Layout) ConfDir() string { return l.At("etc", "conf.d") }

// InitDir holds the init script and its symlinks.
func (l Layout) InitDir() string { return l.At("etc", "init.d") }

// ConfFiles are the files that describe n, defaults first.
func (l Layout) ConfFiles(n Name) []string {
	return []string{filepath.Join(l.ConfDir(), n.Kind), filepath.Join(l.ConfDir(), n.String())}
}

// RunBase holds one directory per guest.
func (l Layout) RunBase() string {
	if l.Run != "" {
		return l.Run
	}
	return l.At("run", "guestrc")
}

// HostConf holds what concerns all guests together (package host).
func (l Layout) HostConf() string { return filepath.Join(l.ConfDir(), "guestrc") }

// HistoryDir holds what became of guests, a file for each (package history). It
// is empty for those that are nobody's service.
func (l Layout) HistoryDir() string {
	if l.Run != "" {
		return ""
	}
	return l.At("var", "lib", "guestrc", "history")
}

// RunDir is root-owned, 0755: lock, lease, pid, state.json.
func (l Layout) RunDir(n Name) string { return filepath.Join(l.RunBase(), n.String()) }

// SockDir belongs to the user that the guest runs as.
func (l Layout) SockDir(n Name) string { return filepath.Join(l.RunDir(n), "sock") }

// PidFile is written and locked by the guest's process itself where it can.
func (l Layout) PidFile(n Name) string { return filepath.Join(l.RunDir(n), "pid") }

// LogFile takes what the guest's process prints. Only root can keep that of a
// private run.
func (l Layout) LogFile(n Name) string {
	if l.Run != "" && os.Geteuid() != 0 {
		return filepath.Join(l.Run, n.String()+".log")
	}
	return l.At("var", "log", "guestrc", n.String()+".log")
}

// VarDir is for what a guest keeps over reboots, such as its UEFI variables.
func (l Layout) VarDir(n Name) string { return l.At("var", "lib", "guestrc", n.String()) }

// CacheDir keeps what was learned about programs, by inode and time.
func (l Layout) CacheDir() string { return l.At("var", "cache", "guestrc") }
