package lxc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/lxc/command"
	"github.com/guestrc/guestrc/pidfile"
)

// startTime bounds what lxc-start may take until init was executed; hooks of
// the administrator's run meanwhile.
const startTime = 120 * time.Second

// args are those of lxc-start. It is told to go into the background: it
// returns when its monitor says that init was executed, or why not.
func (c *Container) args() []string {
	args := []string{"-P", c.LXCPath, "-n", c.instance(), "-f", c.ConfigFile, "-d", "-o", c.LogFile, "-l", c.LogLevel}
	if c.Arch != "" {
		args = append(args, "-s", "lxc.arch="+c.Arch)
	}
	return append(args, c.ExtraArgs...)
}

// Start runs lxc-start and finds its monitor by the command socket. lxc-start's
// exit status says little (lxc#4661: 0 for a container that somebody else
// started meanwhile), so that Settle looks again.
func (c *Container) Start(ctx context.Context, _ *os.File) (*pidfile.Process, error) {
	program, err := findProgram(startProgram)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(c.LogFile), 0o755); err != nil {
		return nil, fmt.Errorf("cannot make the log's directory: %w", err)
	}
	logged, began := size(c.LogFile), ticks()
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	said, err := run(ctx, program, c.args()...)
	if err != nil {
		err = c.startError(fmt.Errorf("%s failed: %w", startProgram, err), said, logged)
		return nil, errors.Join(err, c.abandon(context.WithoutCancel(ctx), began))
	}
	monitor, _, err := command.Ask(ctx, c.LXCPath, c.instance())
	if errors.Is(err, command.ErrNobody) {
		return nil, c.endedAtOnce("")
	}
	return monitor, err
}

// run executes a program in a session of its own, so that a Ctrl-C meant for
// us does not leave a container half made, and returns what it said. Its output
// goes through a pipe that the daemon in the background does not hold.
func run(ctx context.Context, program string, args ...string) (string, error) {
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = baseEnv()
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) { // it succeeded, and a hook holds our pipe
		err = nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return said.String(), err
}

// endedAtOnce is for an init that was executed and is gone already. LXC does not
// say why, but on a terminal one can see what init says.
func (c *Container) endedAtOnce(how string) error {
	return &guest.Error{Status: guest.StatusFailed, Msg: "cannot start " + c.Name.String(), Err: errors.New("its init ended at once" + how),
		Hint: fmt.Sprintf("see what it says: %s -P %s -n %s -f %s -F", startProgram, c.LXCPath, c.instance(), c.ConfigFile)}
}

// abandon ends what a failed lxc-start left running; a container that ran
// before is somebody else's.
func (c *Container) abandon(ctx context.Context, began uint64) error {
	monitor, err := c.Find(ctx)
	if err != nil || monitor == nil {
		return err
	}
	if monitor.Identity().StartTicks < began {
		return monitor.Close()
	}
	defer monitor.Close()
	if err := monitor.Signal(unix.SIGKILL); err != nil && !errors.Is(err, pidfile.ErrGone) {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, monitorTime)
	defer cancel()
	return monitor.Wait(ctx)
}

// startError adds LXC's own words: the first error that it logged is usually
// the cause, the later ones what came of it.
func (c *Container) startError(err error, said string, logged int64) error {
	words := firstError(logged, c.LogFile)
	if words == "" {
		words, _, _ = strings.Cut(strings.TrimSpace(said), "\n")
	}
	if words != "" {
		err = fmt.Errorf("%w: %s", err, words)
	}
	return &guest.Error{Status: guest.StatusFailed, Msg: "cannot start " + c.Name.String(), Err: err, Hint: "see " + c.LogFile}
}

// logMax bounds what is read of a start's log, in bytes.
const logMax = 256 << 10

// firstError finds the first line at level ERROR from offset on; LXC writes
// "lxc-start NAME TIME ERROR SOURCE - FILE:FUNCTION:LINE - MESSAGE".
func firstError(offset int64, path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	text, err := io.ReadAll(io.NewSectionReader(f, offset, logMax))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, " ERROR ") {
			continue
		}
		parts := strings.SplitN(strings.TrimSpace(line), " - ", 3)
		return parts[len(parts)-1]
	}
	return ""
}

// ticks is now as processes' start times are counted: in hundredths of a second
// since boot on every Linux that Go runs on (proc_pid_stat(5), time(7)).
func ticks() uint64 {
	var up unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &up) != nil {
		return math.MaxUint64 // then nothing is taken for ours
	}
	return uint64(up.Nano() / int64(10*time.Millisecond))
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
