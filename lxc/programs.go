package lxc

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/guestrc/guestrc/guest"
)

// The programs of LXC that are run; everything else is asked of the monitor or
// the kernel.
const (
	startProgram   = "lxc-start"
	attachProgram  = "lxc-attach"
	consoleProgram = "lxc-console"
)

// findProgram looks in PATH, then where distributions put LXC: an init system
// may start us with a short PATH.
func findProgram(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/bin", "/usr/sbin", "/usr/local/bin"} {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", &guest.Error{Status: guest.StatusNotInstalled, Msg: "cannot find " + name, Err: exec.ErrNotFound, Hint: "install LXC", ID: "GR408"}
}

// startProgramPath is what the monitor was started from.
func startProgramPath() string {
	path, err := findProgram(startProgram)
	if err != nil {
		return "/usr/bin/" + startProgram
	}
	return path
}

// baseEnv is all that LXC's programs get of our environment: the container's
// hooks inherit it, and LXC finds newuidmap(1) by PATH.
func baseEnv() []string {
	return []string{"PATH=" + cmp.Or(os.Getenv("PATH"), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), "HOME=/", "LC_ALL=C"}
}
