package rootfs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// makeMarks makes the directory through which the container tells us things;
// it is ours, whatever the root is made of.
func (c *Container) makeMarks() error {
	fifo := filepath.Join(c.marks, "up")
	err := errors.Join(os.Mkdir(c.marks, 0o755), os.Chmod(c.marks, 0o777), unix.Mkfifo(fifo, 0o600), os.Chmod(fifo, 0o666))
	if err != nil {
		return err
	}
	// Read and write, so that neither side waits for the other to open it, and
	// that a line is kept until it is read.
	c.up, err = os.OpenFile(fifo, os.O_RDWR|unix.O_NONBLOCK, 0)
	return err
}

// Up waits until the container has booted, once more after each call, and
// returns the machine that uname(2) names in there, such as x86_64. Calls must
// not overlap.
func (c *Container) Up(ctx context.Context) (machine string, err error) {
	if err := c.up.SetReadDeadline(time.Time{}); err != nil {
		return "", err
	}
	stop := context.AfterFunc(ctx, func() { c.up.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	line, err := bufio.NewReaderSize(c.up, 64).ReadSlice('\n')
	if err != nil {
		return "", fmt.Errorf("%s did not say that it is up: %w", c.Name, errors.Join(err, ctx.Err()))
	}
	machine, ok := strings.CutPrefix(strings.TrimSpace(string(line)), "up ")
	if !ok {
		return "", fmt.Errorf("%s said %q", c.Name, line)
	}
	return machine, nil
}

// Clean says whether the container went through an orderly shutdown since it
// was made or since ForgetClean; one that was killed did not.
func (c *Container) Clean() (bool, error) {
	_, err := os.Stat(filepath.Join(c.marks, "down"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// ForgetClean is for a container that is started again.
func (c *Container) ForgetClean() error {
	if err := os.Remove(filepath.Join(c.marks, "down")); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
