package initd

import (
	"context"
	"slices"
	"strings"

	"github.com/guestrc/guestrc/manifest"
)

// Dir is where OpenRC looks for scripts. An instance is a symlink in the same
// directory: OpenRC 0.45 calls one with another target by its target's name.
const Dir = "/etc/init.d"

const (
	scriptName = "guestrc"
	scriptPath = Dir + "/" + scriptName
	// program is what Script runs where nothing else is said.
	program = "/usr/bin/guestrc"
)

// Host is the OpenRC of one root.
type Host struct {
	Tree *manifest.Tree
	// Run runs a program of OpenRC's. It is nil where the root is not that of
	// the running system: what the program would do is then done here.
	Run func(ctx context.Context, argv ...string) error
}

// Installation is the files that guestrc needs under OpenRC; the script runs
// binary.
func Installation(binary string) []manifest.File {
	return []manifest.File{{Path: scriptPath, Content: strings.ReplaceAll(Script, program, binary), Mode: 0o755}}
}

// Installed tells whether the root has OpenRC.
func (h Host) Installed() bool {
	return slices.ContainsFunc([]string{"/sbin/openrc-run", "/usr/sbin/openrc-run", "/usr/bin/openrc-run"}, h.Tree.Exists)
}

// Running tells whether OpenRC is in charge (openrc(8) writes the runlevel there).
func (h Host) Running() bool { return h.Tree.Exists(stateDir + "/softlevel") }

// Started tells whether OpenRC has a service down as started.
func (h Host) Started(name string) bool { return h.Tree.Exists(stateDir + "/started/" + name) }

// Refresh has OpenRC work out the dependencies anew: it compares times, and so
// misses what changes in the second in which it did so last.
func (h Host) Refresh(ctx context.Context) error {
	if h.Run == nil || !h.Running() {
		return nil
	}
	return h.Run(ctx, "rc-update", "-u")
}
