package units

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/guestrc/guestrc/manifest"
)

// unitDirs are where units lie, below any root, those of the administrator
// first (systemd.unit(5)).
var unitDirs = []string{"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}

// Host is the systemd of one root.
type Host struct {
	Tree *manifest.Tree
	Root string // of the tree; "/" for the running system
	Run  func(ctx context.Context, argv ...string) error
	// Output runs a program and returns what it printed, whatever its exit status.
	Output func(ctx context.Context, argv ...string) (string, error)
}

// Installed tells whether the root has systemd.
func (h Host) Installed() bool {
	return h.Tree.Exists("/usr/lib/systemd/systemd") || h.Tree.Exists("/lib/systemd/systemd")
}

// Running tells whether systemd is in charge (sd_booted(3)).
func (h Host) Running() bool { return h.Tree.Exists("/run/systemd/system") }

// GoingDown tells whether systemd is bringing the host down: to power off, to
// reboot or for what else stops everything, but not for rescue mode. It is asked
// only where the environment says that the caller is run by a unit (systemd.exec(5)).
func (h Host) GoingDown(ctx context.Context, getenv func(string) string) bool {
	if getenv("NOTIFY_SOCKET") == "" && getenv("INVOCATION_ID") == "" || h.Root != "/" || !h.Running() {
		return false
	}
	state, err := h.Output(ctx, "systemctl", "is-system-running")
	return err == nil && strings.TrimSpace(state) == "stopping"
}

// Reload has a running systemd read units anew, and run its generators.
func (h Host) Reload(ctx context.Context) error {
	if h.Root != "/" || !h.Running() {
		return nil
	}
	return h.Run(ctx, "systemctl", "daemon-reload")
}

// Enable has systemd start the unit of a guest at boot. It reports whether
// anything had to be done for that.
func (h Host) Enable(ctx context.Context, kind, instance string) (done bool, err error) {
	template := "guestrc-" + kind + "@.service"
	if !slices.ContainsFunc(unitDirs, func(dir string) bool { return h.Tree.Exists(path.Join(dir, template)) }) {
		return false, &manifest.Error{Msg: "there is no unit " + template, Hint: "guestrc install --init systemd"}
	}
	return h.change(ctx, "enable", kind, instance, unitDirs[0])
}

// Disable takes that back, and what was enabled until the next boot only; a unit
// that runs goes on.
func (h Host) Disable(ctx context.Context, kind, instance string) (done bool, err error) {
	for i, options := range [][]string{nil, {"--runtime"}} { // each is for one directory
		did, err := h.change(ctx, "disable", kind, instance, unitDirs[i], options...)
		if done = done || did; err != nil {
			return done, err
		}
	}
	return done, nil
}

// change enables a unit that a directory of symlinks does not have, or disables
// one that it has.
func (h Host) change(ctx context.Context, verb, kind, instance, dir string, options ...string) (done bool, err error) {
	names, err := h.enabledBy(dir)
	if err != nil || slices.Contains(names, kind+"."+instance) != (verb == "disable") {
		return false, err
	}
	if h.Root != "/" {
		options = append([]string{"--root=" + h.Root}, options...)
	}
	return true, h.Run(ctx, slices.Concat([]string{"systemctl"}, options, []string{verb, Name(kind, instance)})...)
}

// Enabled are the guests, as KIND.NAME and sorted, whose units some other unit
// wants or requires by a symlink, if only until the next boot.
func (h Host) Enabled() ([]string, error) {
	forGood, err := h.enabledBy(unitDirs[0])
	if err != nil {
		return nil, err
	}
	forNow, err := h.enabledBy(unitDirs[1])
	return sorted(append(forGood, forNow...)), err
}

func (h Host) enabledBy(dir string) (names []string, err error) {
	entries, err := h.Tree.List(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot list units: %w", err)
	}
	for _, entry := range entries {
		if !strings.HasSuffix(entry, ".wants") && !strings.HasSuffix(entry, ".requires") {
			continue
		}
		units, err := h.Tree.List(path.Join(dir, entry))
		if err != nil {
			return nil, fmt.Errorf("cannot list units: %w", err)
		}
		for _, unit := range units {
			if name, ok := guestOf(unit); ok {
				names = append(names, name)
			}
		}
	}
	return names, nil
}

// guestOf is the reverse of Name.
func guestOf(unit string) (name string, ok bool) {
	unit, ours := strings.CutPrefix(unit, "guestrc-")
	unit, service := strings.CutSuffix(unit, ".service")
	kind, instance, instantiated := strings.Cut(unit, "@")
	return kind + "." + instance, ours && service && instantiated && kind != "" && instance != ""
}
