// Package release makes root file systems of Debian's releases, each with
// OpenRC, systemd, QEMU and LXC as that release has them, and keeps them in the
// store. The mirror is the one that apt is configured with. It refuses to work
// on a host that is not Debian, or without debootstrap and root.
package release

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/store"
)

//go:embed release.sh
var script string

const (
	// makeTime is for one root; it takes half a minute from a near mirror.
	makeTime = 8 * time.Minute
	keyring  = "/usr/share/keyrings/debian-archive-keyring.gpg"
	prefix   = "release-"
	// keepTime is longer than a root of sid is used.
	keepTime = 40 * 24 * time.Hour
)

// packages are what the tests run in a machine, beyond a minimal system. Only
// openrc-init among them brings a /sbin/init, so that one root serves both init
// systems.
func packages(name string) []string {
	all := []string{"openrc", "insserv", "systemd", "dbus", "qemu-system-x86", "lxc", "iproute2", "man-db", "procps"}
	if name == "sid" {
		all = append(all, "openrc-init") // which was a part of openrc before
	}
	return all
}

// Names are the releases that there are roots of, the oldest first.
func Names() []string { return []string{"bookworm", "trixie", "sid"} }

// Host is the codename of the release that this host is; empty when it has none.
func Host() string {
	text, _ := os.ReadFile("/etc/os-release") // absent: no release at all
	return codename(string(text))
}

// codename finds the one in os-release(5).
func codename(text string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "VERSION_CODENAME="); ok {
			return strings.Trim(value, `"'`)
		}
	}
	return ""
}

// Root returns the directory with the root file system of a release, and makes
// it if need be. It is to be read only.
func Root(ctx context.Context, name string) (dir string, err error) {
	if !slices.Contains(Names(), name) {
		return "", fmt.Errorf("cannot make a root of %q: known are %s", name, strings.Join(Names(), ", "))
	}
	if err := store.Prune(prefix, keepTime); err != nil {
		return "", err
	}
	return store.Once(ctx, key(name, time.Now()), func(dir string) error {
		mirror, err := mirror(ctx)
		if err != nil {
			return err
		}
		return bootstrap(ctx, dir, name, mirror)
	})
}

// key tells roots apart; sid, which changes every day, is another one next month.
func key(name string, now time.Time) string {
	h := sha256.Sum256(fmt.Append(nil, script, packages(name)))
	if name == "sid" {
		name += now.UTC().Format("-2006-01")
	}
	return fmt.Sprintf("%s%s-%x", prefix, name, h[:6])
}

// mirror is where apt takes the host's own release from; it has all of them.
func mirror(ctx context.Context) (uri string, err error) {
	cmd := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)", "Created-By: Packages", "Origin: Debian")
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("cannot ask apt for its mirror: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		// bookworm, and not bookworm-security, which is elsewhere
		if codename, uri, _ := strings.Cut(strings.TrimSpace(line), " "); uri != "" && !strings.Contains(codename, "-") {
			return uri, nil
		}
	}
	return "", errors.New("cannot find a mirror of Debian among apt's sources; is \"apt-get update\" due?")
}

// bootstrap fills dir. The processes are in a process namespace, and what they
// mount in a mount namespace, which end with the first process; that one ends
// with ctx, or with us.
func bootstrap(ctx context.Context, dir, name, mirror string) error {
	runtime.LockOSThread() // Pdeathsig is about the thread that starts the process
	defer runtime.UnlockOSThread()
	ctx, cancel := context.WithTimeout(ctx, makeTime)
	defer cancel()
	argv := append([]string{"-c", script, "release.sh", dir, name, mirror, keyring}, packages(name)...)
	cmd := exec.CommandContext(ctx, "sh", argv...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID,
		Pdeathsig:  unix.SIGKILL,
	}
	if err := cmd.Run(); err != nil {
		text := strings.TrimSpace(said.String())
		return fmt.Errorf("cannot make a root of %s: %w: %s", name, errors.Join(ctx.Err(), err), text[max(0, len(text)-1000):])
	}
	return nil
}
