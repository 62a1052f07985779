// Package lab starts the real components that end-to-end tests need (OpenRC,
// systemd, network namespaces), each shut off from the host and from the
// others: own mounts, processes, network, names. It refuses to do without
// them: under CI a missing component fails the test. Everything ends with the
// test, and with the test's process if that is killed.
package lab

import "github.com/guestrc/guestrc/tests/need"

// T is the part of *testing.T that the helpers use.
type T = need.T

// Require asks for programs in PATH; without them the test fails under CI and
// is skipped elsewhere.
func Require(t T, programs ...string) {
	t.Helper()
	need.Programs(t, programs...)
}
