package lxc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/screen"
)

// consoleMax is how much of the console LXC keeps in a file of ours, in bytes;
// then it begins another, and keeps one more (lxc.console.rotate). It is a power
// of two, as LXC makes it one. They lie in memory.
const consoleMax = "262144"

// consoleArgs have LXC write the console to a file of ours. The ring buffer that
// it could keep instead tells nobody when it changes; lxc-console would hear
// nothing of the beginning, and keep others out.
func (c *Container) consoleArgs() []string {
	if !c.Readiness.Own {
		return nil
	}
	return []string{"-s", "lxc.console.logfile=" + c.Readiness.Console, "-s", "lxc.console.size=" + consoleMax, "-s", "lxc.console.rotate=1"}
}

// dropConsole removes what an earlier run wrote to a file of ours, which is in a
// directory that only root writes to.
func (c *Container) dropConsole() error {
	if !c.Readiness.Own {
		return nil
	}
	for _, path := range []string{c.Readiness.Console, earlier(c.Readiness.Console)} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot remove what the last run's console said: %w", err)
		}
	}
	return nil
}

// earlier is what LXC calls the file that it wrote before this one.
func earlier(path string) string { return path + ".1" }

// consoleReady reads the console from its first word until a line matches.
func (c *Container) consoleReady(ctx context.Context) error {
	pattern, err := regexp.Compile(c.Readiness.Pattern)
	if err != nil {
		return fmt.Errorf("cannot understand ready: %w", err)
	}
	log := &consoleLog{path: c.Readiness.Console, at: c.Readiness.From}
	defer log.close()
	changed, stop, err := watch(filepath.Dir(log.path))
	if err != nil {
		return fmt.Errorf("cannot watch the console: %w", err)
	}
	defer stop()
	if err := log.open(c.Readiness.Own); err != nil {
		return err
	}
	shown := screen.New(pattern)
	silent := time.NewTimer(screen.Silence)
	defer silent.Stop()
	buf := make([]byte, 32<<10)
	for {
		n, err := log.read(buf)
		if shown.Shows(buf[:n]) {
			return nil
		}
		if n > 0 { // other files may change all the time
			silent.Reset(screen.Silence)
		}
		if err == nil && ctx.Err() == nil {
			continue
		}
		if err != nil && err != io.EOF {
			return fmt.Errorf("cannot read the console: %w", err)
		}
		select {
		case _, ok := <-changed:
			if !ok {
				return errors.New("cannot watch the console any more")
			}
		case <-silent.C:
			if shown.Waits() {
				return nil
			}
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return fmt.Errorf("the console did not show %q", c.Readiness.Pattern)
		}
	}
}

// watch tells of changes of the files in a directory until stop is called: by
// an element in the channel, which is closed when nothing more can be told.
func watch(dir string) (_ <-chan struct{}, stop func(), err error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, nil, os.NewSyscallError("inotify_init1", err)
	}
	events := os.NewFile(uintptr(fd), "inotify")
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_MODIFY|unix.IN_CREATE|unix.IN_MOVED_FROM|unix.IN_MOVED_TO|unix.IN_ONLYDIR); err != nil {
		events.Close()
		return nil, nil, &os.PathError{Op: "watch", Path: dir, Err: err}
	}
	changed, done := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(done)
		defer close(changed)
		buf := make([]byte, 16<<10)
		for {
			if _, err := events.Read(buf); err != nil {
				return
			}
			select {
			case changed <- struct{}{}:
			default:
			}
		}
	}()
	return changed, func() {
		events.Close()
		<-done
	}, nil
}

// consoleLog is a file that LXC adds to, and replaces or empties when it is full
// (src/lxc/terminal.c).
type consoleLog struct {
	path    string
	at      int64 // how far it was read
	file    *os.File
	replace bool // it was replaced, and perhaps read to its end before that
}

// open begins with the file before, if it is of this run too.
func (l *consoleLog) open(own bool) (err error) {
	if own {
		if l.file, err = openLog(earlier(l.path)); err == nil || !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	l.file, err = openLog(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		err = errors.New("the console was not heard from the beginning")
	}
	return err
}

func openLog(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open the console's log: %w", err)
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, errors.Join(err, fmt.Errorf("cannot hear the console: %s is not a regular file", path))
	}
	return f, nil
}

func (l *consoleLog) close() {
	if l.file != nil {
		l.file.Close()
	}
}

// read gives what was not read yet, or io.EOF when that is all for now.
func (l *consoleLog) read(buf []byte) (int, error) {
	for {
		n, err := l.file.ReadAt(buf, l.at)
		l.at += int64(n)
		if n > 0 {
			return n, nil
		}
		if err != io.EOF {
			return 0, err
		}
		if more, err := l.follow(); err != nil {
			return 0, err
		} else if !more {
			return 0, io.EOF
		}
	}
}

// follow is called at the end of the file, and tells whether to read on: at the
// beginning of one that was emptied, or in the one that came in its place.
func (l *consoleLog) follow() (bool, error) {
	here, err := l.file.Stat()
	if err != nil {
		return false, err
	}
	if here.Size() < l.at {
		l.at = 0
		return true, nil
	}
	there, err := os.Stat(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // it is just being replaced
	}
	if err != nil || os.SameFile(here, there) {
		return false, err
	}
	if !l.replace { // what came between the last read and now
		l.replace = true
		return true, nil
	}
	next, err := openLog(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	l.file.Close()
	l.file, l.at, l.replace = next, 0, false
	return true, nil
}
