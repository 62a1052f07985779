package guest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
)

// Changes tells that a guest may have changed: its record was written, its
// process ended, a file that describes one came or went. It tells nothing of what
// goes on inside guests.
type Changes struct {
	layout Layout
	fd     int      // of file; to ask file for it would make its reads block
	file   *os.File // inotify(7)
	seen   chan struct{}
	closed chan struct{}
}

// Changes begins to listen; what happens from now on is not missed. The caller
// closes it.
func (h *House) Changes() (*Changes, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("inotify_init1", err)
	}
	c := &Changes{h.Layout, fd, os.NewFile(uintptr(fd), "inotify"), make(chan struct{}, 1), make(chan struct{})}
	if err := c.Renew(); err != nil {
		return nil, errors.Join(err, c.file.Close())
	}
	go c.read()
	return c, nil
}

// Close ends the listening.
func (c *Changes) Close() error {
	err := c.file.Close()
	<-c.closed
	return err
}

// read notes that there was something; what it was, whoever looks will see.
func (c *Changes) read() {
	defer close(c.closed)
	events := make([]byte, 64<<10)
	for {
		if _, err := c.file.Read(events); err != nil {
			return // closed
		}
		c.note()
	}
}

func (c *Changes) note() {
	select {
	case c.seen <- struct{}{}:
	default: // somebody is told already
	}
}

// appearing is what brings or takes a file, or puts another in its place.
const appearing = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_DELETE

// Renew listens to what has come since. It is called before the guests are
// looked at: a change after that is told, and one before is seen.
func (c *Changes) Renew() error {
	dirs := []string{c.layout.RunBase(), c.layout.ConfDir(), c.layout.InitDir()}
	names, err := Names(c.layout, func(string) bool { return true })
	if err != nil {
		return err
	}
	for _, n := range names {
		dirs = append(dirs, c.layout.RunDir(n))
	}
	for _, dir := range dirs {
		if there, err := c.listen(dir); err != nil {
			return err
		} else if !there && dir == c.layout.RunBase() {
			if err := c.listenAbove(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// listenAbove is for a directory that the first start makes: whoever makes it
// is heard in the next one above.
func (c *Changes) listenAbove(dir string) error {
	above := dir
	for there := false; !there && above != "/"; {
		above = filepath.Dir(above)
		var err error
		if there, err = c.listen(above); err != nil {
			return err
		}
	}
	_, err := c.listen(dir) // it may have come meanwhile
	return err
}

// listen tells whether the directory is there. One that is listened to already
// is no other for it.
func (c *Changes) listen(dir string) (there bool, err error) {
	_, err = unix.InotifyAddWatch(c.fd, dir, appearing|unix.IN_ONLYDIR)
	if err == unix.ENOENT || err == unix.ENOTDIR {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot watch %s: %w", dir, err)
	}
	return true, nil
}

// Await returns nil when something may have changed since the last one, or when
// one of the processes ends; else ctx's error.
func (c *Changes) Await(ctx context.Context, running []int) error {
	ctx, cancel := context.WithCancel(ctx)
	var waiters sync.WaitGroup
	defer waiters.Wait()
	defer cancel()
	for _, pid := range running {
		p, err := pidfile.Capture(pid)
		if errors.Is(err, pidfile.ErrGone) {
			return ctx.Err() // just now
		}
		if err != nil {
			return err
		}
		waiters.Go(func() {
			defer p.Close()
			if p.Wait(ctx) == nil {
				c.note()
			}
		})
	}
	select {
	case <-c.seen:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
