// Package store keeps what tests and the demo download or build, in
// directories outside the tree that are filled once and then only read. It
// refuses keys that are more than one path element, and knows nothing of what
// it keeps.
package store

import (
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

// Dir is where everything lies: $GUESTRC_CACHE, else guestrc in the user's
// cache directory. It may not exist yet.
func Dir() (string, error) {
	if dir := os.Getenv("GUESTRC_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cannot find the cache directory: %w; set GUESTRC_CACHE", err)
	}
	return filepath.Join(dir, "guestrc"), nil
}

// Once returns the directory called key. When it does not exist, fill is given
// an empty one, which takes its place when fill returns nil; of several
// processes that ask at the same time one fills and the others wait for it.
func Once(ctx context.Context, key string, fill func(dir string) error) (string, error) {
	base, err := Dir()
	if err != nil {
		return "", err
	}
	if key == "" || key != filepath.Base(key) || strings.HasPrefix(key, ".") {
		return "", fmt.Errorf("cannot use %q as a key of the cache: not one path element", key)
	}
	final := filepath.Join(base, key)
	if used(final) {
		return final, nil
	}
	if err := os.MkdirAll(base, 0o755); err != nil {
		return "", fmt.Errorf("cannot make the cache directory: %w", err)
	}
	unlock, err := lock(ctx, filepath.Join(base, "."+key+".lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if used(final) {
		return final, nil
	}
	if err := sweep(filepath.Join(base, "."+key+".part-")); err != nil {
		return "", err
	}
	part, err := os.MkdirTemp(base, "."+key+".part-")
	if err != nil {
		return "", fmt.Errorf("cannot fill the cache: %w", err)
	}
	defer os.RemoveAll(part)
	if err := os.Chmod(part, 0o755); err != nil {
		return "", fmt.Errorf("cannot fill the cache: %w", err)
	}
	if err := fill(part); err != nil {
		return "", err
	}
	if err := os.Rename(part, final); err != nil {
		return "", fmt.Errorf("cannot fill the cache: %w", err)
	}
	return final, nil
}

// sweep removes what processes left that were killed while they filled; the
// caller has the lock, so nobody else does so now.
func sweep(prefix string) error {
	parts, err := filepath.Glob(prefix + "*")
	errs := []error{err}
	for _, part := range parts {
		errs = append(errs, os.RemoveAll(part))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("cannot clear the cache: %w", err)
	}
	return nil
}

// used says whether dir exists, and notes that it is still wanted.
func used(dir string) bool {
	now := time.Now()
	err := os.Chtimes(dir, now, now)
	return err == nil || errors.Is(err, unix.EROFS) || errors.Is(err, fs.ErrPermission)
}

// lock waits for the lock file at path. The file stays: who unlinks a lock
// lets two in.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("cannot lock the cache: %w", err)
	}
	done := make(chan error, 1)
	go func() {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX)
		for err == unix.EINTR {
			err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		}
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("cannot lock the cache: %w", err)
		}
		return func() { f.Close() }, nil
	case <-ctx.Done():
		go func() { <-done; f.Close() }()
		return nil, fmt.Errorf("cannot lock %s: %w", path, ctx.Err())
	}
}

// Prune removes directories whose key starts with prefix and that nobody asked
// for during the time given.
func Prune(prefix string, age time.Duration) error {
	base, err := Dir()
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(base)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, e := range entries {
		fi, err := e.Info()
		if err != nil || !e.IsDir() || !strings.HasPrefix(e.Name(), prefix) || time.Since(fi.ModTime()) < age {
			continue
		}
		errs = append(errs, os.RemoveAll(filepath.Join(base, e.Name())))
	}
	return errors.Join(errs...)
}
