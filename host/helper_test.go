package host

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
)

// The test binary is its own helper: with this variable set it plays one part,
// as another command of guestrc's would.
const partVar = "HOST_TEST_PART"

func TestMain(m *testing.M) {
	if part := os.Getenv(partVar); part != "" {
		if err := play(part, guest.Layout{Root: os.Getenv("ROOT")}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// play takes its turn, or joins a shutdown. Every part ends at the latest when
// its stdin does.
func play(part string, l guest.Layout) error {
	ctx := context.Background()
	s := Settings{StartParallel: number("PARALLEL"), StartDelay: time.Duration(number("DELAY")) * time.Millisecond,
		Budget: time.Duration(number("BUDGET")) * time.Second}
	switch part {
	case "announce":
		g, err := Announce(ctx, l, s, time.Now)
		fmt.Println(g.ID)
		return err
	case "start": // be up after some milliseconds
		done, err := Turn(ctx, l, s, func() {})
		if err != nil {
			return err
		}
		if err := note("+"); err != nil {
			return err
		}
		time.Sleep(time.Duration(number("UP")) * time.Millisecond)
		if err := note("-"); err != nil {
			return err
		}
		if os.Getenv("DIE") != "" {
			return unix.Kill(os.Getpid(), unix.SIGKILL)
		}
		done()
		return nil
	case "hold": // be on the way up as long as stdin lasts
		done, err := Turn(ctx, l, s, func() { fmt.Println("waiting") })
		if err != nil {
			return err
		}
		fmt.Println("up")
		_, err = io.Copy(io.Discard, os.Stdin)
		done()
		return err
	case "full": // in a mount namespace of its own: the run directory has no room
		return full(ctx, l, s)
	}
	return errors.New("no such part: " + part)
}

// full prints what becomes of a turn and of an announcement without room.
func full(ctx context.Context, l guest.Layout, s Settings) error {
	run := l.At("run")
	err := errors.Join(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount("tmpfs", run, "tmpfs", 0, "mode=755,nr_inodes=4"),
		os.MkdirAll(filepath.Join(l.RunBase(), startingDir), 0o755))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(run, "last"), nil, 0o600); err != nil {
		return fmt.Errorf("the room was to be enough for this: %w", err)
	}
	done, err := Turn(ctx, l, s, func() {})
	done()
	fmt.Println("turn:", errors.Is(err, unix.ENOSPC))
	g, err := Announce(ctx, l, s, time.Now)
	fmt.Println("announced:", errors.Is(err, unix.ENOSPC), g.ID != "", g.Deadline.Sub(g.Began).Round(time.Second))
	return nil
}

func number(name string) int {
	n, _ := strconv.Atoi(os.Getenv(name))
	return n
}

// note appends a sign and the time to a file that all helpers share.
func note(sign string) error {
	up, err := uptime()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(os.Getenv("NOTES"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%s %d\n", sign, up)
	return errors.Join(err, f.Close())
}

// helper prepares a part; it dies with the test.
func helper(t *testing.T, l guest.Layout, part string, env ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Env = append(os.Environ(), append(env, partVar+"="+part, "ROOT="+l.Root)...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// holder is a helper on its way up, or waiting for its turn.
type holder struct {
	*exec.Cmd
	lines chan string
	end   func()
}

func hold(t *testing.T, l guest.Layout, env ...string) *holder {
	t.Helper()
	cmd := helper(t, l, "hold", env...)
	in, err := cmd.StdinPipe()
	ok(t, err)
	out, err := cmd.StdoutPipe()
	ok(t, err)
	ok(t, cmd.Start())
	h := &holder{Cmd: cmd, lines: make(chan string, 8), end: func() { in.Close() }}
	go func() {
		defer close(h.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			h.lines <- s.Text()
		}
	}()
	t.Cleanup(func() { in.Close(); cmd.Process.Kill(); cmd.Wait() })
	return h
}

func (h *holder) says(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-h.lines:
		if got != want {
			t.Fatalf("it says %q, want %q", got, want)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("it does not say %q", want)
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// below is a layout of the test's own, with files; a name that ends in "/" is a
// directory.
func below(t *testing.T, files map[string]string) guest.Layout {
	t.Helper()
	l := guest.Layout{Root: t.TempDir()}
	ok(t, os.MkdirAll(l.RunBase(), 0o755))
	for name, text := range files {
		path := l.At(name)
		ok(t, os.MkdirAll(filepath.Dir(path), 0o755))
		if strings.HasSuffix(name, "/") {
			ok(t, os.MkdirAll(path, 0o755))
			continue
		}
		ok(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return l
}
