package lint_test

import (
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/lint"
)

// TestHostileTextIsRefusedInTime: Go ends a program whose stack is too deep, and
// no recover helps.
func TestHostileTextIsRefusedInTime(t *testing.T) {
	for _, piece := range []string{"(", "{ ", "$(", `"$(`, "${a:-", "f() {\n", "$((", "x[a", "if x; then ", "case a in b) ", "while x; do ",
		"need() { :; }\n", "(#)\n", `(")";`, `a=${b:-"}"`, "f(){ #}\n", "a | ", "a && "} {
		src := "#!/sbin/openrc-run\n" + strings.Repeat(piece, 60_000/len(piece))
		begun := time.Now()
		lint.New(world()).Lint("/etc/init.d/web", []byte(src))
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("%q takes %s", piece, took)
		}
	}
	for _, piece := range []string{"p=$(cat /x); kill $p; ", "read p </x; kill $p; ", "kill $p; ", "reload() { :; }; ", "f() { ebegin x; f; }; ",
		"checkpath -d -o a /run/x; start-stop-daemon --start --pidfile $y --exec /z; ", "[ $RC_SVCNAM ] && "} {
		src := "#!/sbin/openrc-run\nstart() {\n" + strings.Repeat(piece, lint.MaxSize/2/len(piece)) + ":\n}\n"
		begun := time.Now()
		lint.New(world()).Lint("/etc/init.d/web", []byte(src))
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("%q takes %s", piece, took)
		}
	}
	deep := strings.Repeat("(", 100_000)
	if found := lint.New(world()).Lint("/etc/init.d/web", []byte("#!/sbin/openrc-run\n"+deep)); len(found) != 1 || found[0].ID != "GL001" {
		t.Errorf("found %v", found)
	}
	if names := lint.Provides([]byte("#!/sbin/openrc-run\ndepend() { provide x; }\n" + deep)); names != nil {
		t.Errorf("provides %q", names)
	}
}
