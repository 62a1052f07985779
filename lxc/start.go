package lxc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
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
	args := []string{"-P", c.LXCPath, "-n", c.instance(), "-f", c.ConfigFile, "-d", "-p", c.pidFile(), "-o", c.LogFile}
	if c.LogLevel != "" {
		args = append(args, "-l", c.LogLevel)
	}
	if c.Arch != "" {
		args = append(args, "-s", "lxc.arch="+c.Arch)
	}
	if c.overlay != "" {
		args = append(args, "-s", "lxc.rootfs.path="+c.overlay)
	}
	args = append(args, c.consoleArgs()...)
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
	logged := size(c.LogFile)
	if err := c.dropConsole(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	// Whatever it starts, and leaves behind when it is ended, becomes our child.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, os.NewSyscallError("prctl", err)
	}
	mark := c.mark()
	said, err := run(ctx, append(baseEnv(), mark), program, c.args()...)
	if err != nil {
		err = c.startError(fmt.Errorf("%s failed: %w", startProgram, err), said, logged)
		return nil, errors.Join(err, endOrphans(context.WithoutCancel(ctx), mark))
	}
	monitor, _, err := command.Ask(ctx, c.LXCPath, c.instance())
	if errors.Is(err, command.ErrNobody) {
		return nil, c.endedAtOnce("")
	}
	if err != nil {
		return nil, errors.Join(err, endOrphans(context.WithoutCancel(ctx), mark))
	}
	if !c.began(monitor) {
		err := &guest.Error{Status: guest.StatusRefused, Msg: "cannot start " + c.Name.String(), Err: fmt.Errorf("somebody else has started it (pid %d)", monitor.Pid())}
		return nil, errors.Join(err, monitor.Close())
	}
	return monitor, nil
}

// endedAtOnce is for an init that was executed and is gone already. LXC does not
// say why, but on a terminal one can see what init says.
func (c *Container) endedAtOnce(how string) error {
	return &guest.Error{Status: guest.StatusFailed, Msg: "cannot start " + c.Name.String(), Err: errors.New("its init ended at once" + how),
		Hint: fmt.Sprintf("see what it says: %s -P %s -n %s -f %s -F", startProgram, c.LXCPath, c.instance(), c.ConfigFile)}
}

// startError adds LXC's own words: the first error that it logged is usually
// the cause, the later ones what came of it.
func (c *Container) startError(err error, said string, logged int64) error {
	words := firstError(logged, c.LogFile)
	if words == "" {
		words = firstLine(said)
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
	first := ""
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, " ERROR ") {
			continue
		}
		parts := strings.SplitN(strings.TrimSpace(line), " - ", 3)
		words := parts[len(parts)-1]
		if first == "" {
			first = words
			continue
		}
		if strings.HasPrefix(first, "Script ") { // the next one says which
			first += ": " + words
		}
		break
	}
	return first
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
