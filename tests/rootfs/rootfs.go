// Package rootfs makes the root file systems that tests start in LXC, one for
// each sort of init, and the containers' configuration. The inits are Debian's
// packages, of which a tree holds only what boots; the trees lie in the store,
// each container has a copy of its own. It refuses to leave anything behind:
// processes, cgroups and files of a container end with its test.
package rootfs

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/guestrc/guestrc/tests/store"
)

// Init names a sort of root file system by what is PID 1 in it.
type Init string

// The sorts of root. S6 is s6-svscan with the signal scripts that
// s6-linux-init-maker writes: bookworm has s6 but not s6-linux-init. It has no
// dinit either.
const (
	Busybox  Init = "busybox"
	Sysvinit Init = "sysvinit" // nothing in inittab for SIGPWR; see Powerfail
	Systemd  Init = "systemd"
	OpenRC   Init = "openrc" // openrc-init
	Runit    Init = "runit"
	S6       Init = "s6"
	Finit    Init = "finit"

	Tini      Init = "tini"      // in front of Handler's program
	DumbInit  Init = "dumb-init" // in front of Handler's program
	Handler   Init = "handler"   // a program that ends 100 ms after a SIGTERM and handles nothing else
	Handler32 Init = "handler32" // the same for i386, with lxc.arch = i686
	Stubborn  Init = "stubborn"  // a program that ignores whatever can be ignored
	Script    Init = "script"    // a shell script that becomes busybox's init after 300 ms
)

// All lists every sort.
func All() []Init {
	return []Init{Busybox, Sysvinit, Systemd, OpenRC, Runit, S6, Finit, Tini, DumbInit, Handler, Handler32, Stubborn, Script}
}

// treePrefix begins the keys of trees in the store.
const treePrefix = "rootfs-"

// Fetch downloads and builds every tree, so that no test has to wait for it.
func Fetch(ctx context.Context) error {
	for _, init := range All() {
		if _, err := tree(ctx, init); err != nil {
			return err
		}
	}
	// Trees of recipes that are no more.
	return store.Prune(treePrefix, 14*24*time.Hour)
}

// know returns the recipe of init.
func know(init Init) (recipe, error) {
	r, ok := recipes[init]
	if !ok {
		return recipe{}, fmt.Errorf("cannot make a root with %q: not one of %q", init, slices.Sorted(slices.Values(All())))
	}
	return r, nil
}
