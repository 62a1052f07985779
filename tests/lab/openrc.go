package lab

import (
	"context"
	"os"
	"path/filepath"

	"github.com/guestrc/guestrc/tests/debs"
	"github.com/guestrc/guestrc/tests/need"
)

// openrcPackages are what a host with OpenRC has on top; insserv brings the
// names ($network and so on) that OpenRC wants for LSB scripts.
var openrcPackages = []string{"openrc", "librc1", "libeinfo1", "insserv"}

// FetchOpenRC unpacks OpenRC into the store and returns where it lies; the
// machines do so themselves when nobody has.
func FetchOpenRC(ctx context.Context) (dir string, err error) {
	return debs.Unpack(ctx, openrcPackages...)
}

// OpenRC starts a machine where OpenRC (Debian's package) manages services in
// the runlevel "default", but did not boot: the first process only waits for
// orphans. It is up within a fraction of a second.
func OpenRC(t T, options ...Option) *Machine {
	t.Helper()
	return boot(t, openrc(t, "idle"), options)
}

// OpenRCBooted starts a machine that openrc-init boots as PID 1, for tests of
// boot and shutdown. Its runlevels are empty but for a service that tells us
// when the boot is over.
func OpenRCBooted(t T, options ...Option) *Machine {
	t.Helper()
	s := openrc(t, "openrc")
	s.layers = append(s.layers, tellsWhenUp(t))
	return boot(t, s, options)
}

func openrc(t T, init string) spec {
	t.Helper()
	need.Programs(t, "apt-get", "dpkg")
	dir, err := FetchOpenRC(t.Context())
	if err != nil {
		t.Fatalf("%v", err)
	}
	all := hierarchies(t)
	return spec{
		init:        init,
		missing:     []string{dir},
		cgroups:     cgroups(t, all),
		hierarchies: all,
		leader:      func(first int) (int, error) { return first, nil },
		listen:      listenFIFO,
	}
}

// tellsWhenUp is a layer with a service that starts after all others.
func tellsWhenUp(t T) string {
	t.Helper()
	dir := t.TempDir()
	const script = "#!/sbin/openrc-run\ndescription=\"Tell the test that the boot is over\"\n" +
		"depend() { after *; }\nstart() { echo up > /dev/ready; }\n"
	err := os.MkdirAll(filepath.Join(dir, "etc/init.d"), 0o755)
	if err == nil {
		err = os.MkdirAll(filepath.Join(dir, "etc/runlevels/default"), 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "etc/init.d/lab-up"), []byte(script), 0o755)
	}
	if err == nil {
		err = os.Symlink("/etc/init.d/lab-up", filepath.Join(dir, "etc/runlevels/default/lab-up"))
	}
	if err != nil {
		t.Fatalf("cannot prepare a machine: %v", err)
	}
	return dir
}

// PowerOffOpenRC shuts a machine of OpenRCBooted down, waits until it has
// ended, and returns how.
func (m *Machine) PowerOffOpenRC(ctx context.Context) (how string, err error) {
	m.t.Helper()
	m.Must(ctx, "openrc-shutdown", "--poweroff", "now")
	return m.Wait(ctx)
}
