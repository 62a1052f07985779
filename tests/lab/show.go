package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Show is Bind for a machine that runs already.
func (m *Machine) Show(dir string) {
	m.t.Helper()
	if err := m.tree.MkdirAll(strings.TrimPrefix(dir, "/"), 0o755); err != nil {
		m.t.Fatalf("cannot show %s to the machine: %v", dir, err)
	}
	// The directory itself, without its path: the machine cannot reach that.
	clone, err := unix.OpenTree(unix.AT_FDCWD, dir, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		m.t.Fatalf("cannot show %s to the machine: %v", dir, err)
	}
	defer unix.Close(clone)
	if err := inEndingThread(func() error { return m.attach(clone, dir) }); err != nil {
		m.t.Fatalf("cannot show %s to the machine: %v", dir, err)
	}
}

// inEndingThread calls f in a thread that ends after it, for what nobody else
// may see. The main thread does not end with its goroutine, and all of the
// process would seem to be where f went: it is kept busy while another is used.
func inEndingThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // without an end
		if unix.Gettid() != os.Getpid() {
			done <- f()
			return
		}
		defer runtime.UnlockOSThread()
		done <- inEndingThread(f)
	}()
	return <-done
}

// attach mounts what open_tree(2) gave, in the machine.
func (m *Machine) attach(clone int, dir string) error {
	for i, n := range nsFlags {
		if n.file != "mnt" {
			continue
		}
		// setns(2): not while the root is shared with other threads.
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return fmt.Errorf("cannot unshare: %w", err)
		}
		if err := unix.Setns(int(m.ns[i].Fd()), unix.CLONE_NEWNS); err != nil {
			return fmt.Errorf("cannot enter its mount namespace: %w", err)
		}
		err := unix.MoveMount(clone, "", unix.AT_FDCWD, filepath.Clean(dir), unix.MOVE_MOUNT_F_EMPTY_PATH)
		if err != nil {
			return &os.PathError{Op: "move_mount", Path: dir, Err: err}
		}
		return nil
	}
	return errors.New("it has no mount namespace")
}
