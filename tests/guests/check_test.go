package guests

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/tests/tinyguest"
)

// A guest that runs has nothing wrong with it, and does not notice that somebody
// looks. What a crash leaves is told, and cleared by --fix, once it is over.
func TestCheckOfAGuestThatCrashed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	name := w.guest("qemu.k", image(t, tinyguest.Options{}), "", `ready="monitor"`)
	before := w.run("check", name)
	w.must("start", name)
	was := w.status(name)
	if r := w.run("check", name); r.code != before.code || r.out != before.out {
		t.Errorf("of one that runs: %s\nbefore: %s", r, before)
	}
	if r := w.run("check", "--fix", name); r.code != before.code || strings.Contains(r.out, "done: ") {
		t.Errorf("--fix of one that runs: %s", r)
	}
	if st := w.status(name); st.State != guest.Running || st.PID != was.PID {
		t.Errorf("after that: %+v, was %+v", st, was)
	}
	if err := w.running(name).Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	w.waits(name)
	for _, args := range [][]string{{"check", name}, {"check", "--fix", "--dry-run", name}} {
		if r := w.run(args...); r.code == 0 || !strings.Contains(r.out, "warning GR703: its process died and left ") {
			t.Errorf("%q: %s", args, r)
		}
	}
	if r := w.run("check", "--fix", name); r.code != before.code || !strings.Contains(r.out, "done: clear away what the crashed run of "+name+" left") {
		t.Errorf("--fix: %s", r)
	}
	if r := w.run("check", name); r.out != before.out {
		t.Errorf("after --fix: %s\nbefore: %s", r, before)
	}
	if st := w.status(name); st.State != guest.Stopped || st.LastStop == nil || !st.LastStop.Stop.Died {
		t.Errorf("status: %+v", st)
	}
	w.clean(name)
}
