package services

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/need"
	"github.com/guestrc/guestrc/tests/release"
)

// booting starts a machine with guestrc installed.
type booting func(*testing.T, ...lab.Option) system

// combination is an init system of a Debian release, with the QEMU and the LXC
// that the release has.
type combination struct{ release, init string }

// String is a part of tests' names.
func (c combination) String() string { return c.release + "-" + c.init }

func (c combination) boot(t *testing.T, options ...lab.Option) system {
	t.Helper()
	return c.with(map[string]booting{"openrc": newOpenRC, "systemd": newSystemd})(t, options...)
}

// pid1 is boot for a machine that can be powered off.
func (c combination) pid1(t *testing.T, options ...lab.Option) system {
	t.Helper()
	return c.with(map[string]booting{"openrc": bootedOpenRC, "systemd": newSystemd})(t, options...)
}

func (c combination) with(inits map[string]booting) booting {
	return func(t *testing.T, options ...lab.Option) system {
		t.Helper()
		return inits[c.init](t, append(options, lab.Release(t, c.release))...)
	}
}

// matrixVariable names combinations, such as "trixie/openrc sid/systemd".
const matrixVariable = "GUESTRC_MATRIX"

// combinations are those to be tested: both init systems of the host, and one
// newer version of each.
func combinations(t *testing.T) []combination {
	t.Helper()
	list, set := os.LookupEnv(matrixVariable)
	if !set {
		host := release.Host()
		return []combination{{host, "openrc"}, {host, "systemd"}, {"sid", "openrc"}, {"trixie", "systemd"}}
	}
	var all []combination
	for word := range strings.FieldsSeq(list) {
		name, init, _ := strings.Cut(word, "/")
		if init != "openrc" && init != "systemd" {
			t.Fatalf("%s: %q is not RELEASE/openrc or RELEASE/systemd", matrixVariable, word)
		}
		all = append(all, combination{name, init})
	}
	if len(all) == 0 {
		t.Fatalf("%s names nothing to test", matrixVariable)
	}
	return all
}

// each runs a test in each combination with each sort of guest.
func each(t *testing.T, test func(t *testing.T, h *host)) {
	t.Helper()
	run(t, combinations(t), sorts(t), test)
}

// both runs a test of containers in each combination.
func both(t *testing.T, test func(t *testing.T, h *host)) {
	t.Helper()
	run(t, combinations(t), nil, test)
}

// eachUnder is each for what only one init system has.
func eachUnder(t *testing.T, init string, test func(t *testing.T, h *host)) {
	t.Helper()
	run(t, only(t, init), sorts(t), test)
}

// under is both for what only one init system has.
func under(t *testing.T, init string, test func(t *testing.T, h *host)) {
	t.Helper()
	run(t, only(t, init), nil, test)
}

func only(t *testing.T, init string) []combination {
	t.Helper()
	return slices.DeleteFunc(combinations(t), func(c combination) bool { return c.init != init })
}

// run has names without a sort where there is just one.
func run(t *testing.T, in []combination, guests []sort, test func(t *testing.T, h *host)) {
	t.Helper()
	need.Root(t)
	for _, c := range in {
		if guests == nil {
			t.Run(c.String(), func(t *testing.T) {
				t.Parallel()
				test(t, newHost(t, c.boot, containers{}))
			})
		}
		for _, s := range guests {
			t.Run(c.String()+"/"+s.kind(), func(t *testing.T) {
				t.Parallel()
				test(t, newHost(t, c.boot, s))
			})
		}
	}
}
