// Package need says what a test cannot do without. Where CI is set, a missing
// component fails the test; elsewhere it skips it and names the component.
package need

import (
	"context"
	"os"
	"os/exec"
	"strings"
)

// T is the part of *testing.T that helpers use; a program that is no test,
// such as a benchmark, can bring its own.
type T interface {
	Helper()
	Name() string
	Context() context.Context
	TempDir() string
	Cleanup(func())
	Failed() bool
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Skipf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Programs asks for programs in PATH.
func Programs(t T, names ...string) {
	t.Helper()
	var missing []string
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		Missing(t, "not installed: %s (\"make deps\" says which packages)", strings.Join(missing, ", "))
	}
}

// Root asks for the superuser.
func Root(t T) {
	t.Helper()
	if os.Geteuid() != 0 {
		Missing(t, "only root can do this")
	}
}

// Missing ends the test.
func Missing(t T, format string, args ...any) {
	t.Helper()
	if ci := os.Getenv("CI"); ci != "" && ci != "false" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
