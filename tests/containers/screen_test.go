package containers

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/need"
)

const (
	screenOn  = "\x1b[?1049h"
	screenOff = "\x1b[?25h\x1b[?7h\x1b[?1049l"
)

// atShell is a terminal with a shell that has job control.
func atShell(t *testing.T, w *world) *terminal {
	t.Helper()
	need.Programs(t, "bash")
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "bash", "--norc", "--noprofile", "-i")
	cmd.Env = []string{"TERM=xterm", "PATH=/usr/bin:/bin", "PS1=$ ", "GUESTRC_ROOT=" + w.root}
	tt := onTerminal(t, cmd, 20, 100)
	tt.wants("$ ")
	return tt
}

// after wants text to be shown behind what was said so far, and returns what
// came until then.
func (tt *terminal) after(said int, text string) string {
	tt.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		if before, _, found := strings.Cut(tt.said()[said:], text); found {
			return before
		}
		select {
		case <-tt.changed:
		case <-deadline:
			tt.t.Fatalf("the terminal does not show %q: %q", text, tt.said()[said:])
		}
	}
}

// Ctrl-Z stops a list that watches, and top, when the terminal is as it was, and
// fg goes on with another picture. Nothing is painted from the background.
func TestScreensAreGivenBackWhileTheyAreStopped(t *testing.T) {
	w := newWorld(t)
	w.write("lxc.some", "# described\n")
	for _, verb := range []string{"list --watch", "top"} {
		t.Run(verb, func(t *testing.T) {
			tt := atShell(t, w)
			tt.typed(program + " " + verb + "\n")
			tt.after(0, screenOn)
			tt.after(0, "NAME")
			said := len(tt.said())
			tt.typed("\x1a")
			if before := tt.after(said, "Stopped"); !strings.Contains(before, screenOff) {
				t.Errorf("stopped with the screen on: %q", before)
			}
			said = len(tt.said())
			tt.typed("fg\n")
			tt.after(said, screenOn)
			tt.after(said, "NAME")
			said = len(tt.said())
			tt.typed("q")
			tt.after(said, screenOff)
			tt.after(said, "$ ")

			said = len(tt.said())
			tt.typed(program + " " + verb + " &\n")
			tt.typed(`until [[ $(cat /proc/$!/stat) == *") T "* ]]; do :; done; echo it st''ands` + "\n")
			if before := tt.after(said, "it stands"); strings.Contains(before, screenOn) {
				t.Errorf("painted from the background: %q", before)
			}
			tt.typed("kill -KILL $!; exec sh -c \"exit 5\"\n")
			if code := tt.exit(); code != 5 {
				t.Errorf("the shell ended with %d: %q", code, tt.said()[said:])
			}
		})
	}
}

// However it is told to end, the terminal is as it was.
func TestScreensAreGivenBackAtTheEnd(t *testing.T) {
	w := newWorld(t)
	w.write("lxc.some", "# described\n")
	for _, verb := range []string{"list --watch", "top"} {
		for _, sig := range []unix.Signal{unix.SIGTERM, unix.SIGHUP, unix.SIGINT} {
			t.Run(fmt.Sprintf("%s, %s", verb, unix.SignalName(sig)), func(t *testing.T) {
				t.Parallel()
				tt := onTerminal(t, w.command(strings.Fields(verb)...), 20, 100)
				tt.wants("NAME")
				before := must(unix.IoctlGetTermios(int(tt.master.Fd()), unix.TCGETS))
				if before.Lflag&unix.ECHO != 0 {
					t.Error("what is typed is shown")
				}
				if err := tt.cmd.Process.Signal(sig); err != nil {
					t.Fatal(err)
				}
				if code := tt.exit(); code != 0 {
					t.Errorf("exit status %d", code)
				}
				after := must(unix.IoctlGetTermios(int(tt.master.Fd()), unix.TCGETS))
				if want := uint32(unix.ECHO | unix.ICANON | unix.ISIG); after.Lflag&want != want || after.Cc[unix.VQUIT] == 0 {
					t.Errorf("the modes are %+v", after)
				}
				<-tt.ended
				if said := tt.said(); !strings.HasSuffix(said, screenOff) {
					t.Errorf("the screen was left on: %q", said[max(0, len(said)-200):])
				}
			})
		}
	}
}
