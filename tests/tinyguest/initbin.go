package tinyguest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/guestrc/guestrc/tests/newc"
	"github.com/guestrc/guestrc/tests/store"
)

// initSource is what /init is built from: its hash is the key of the result.
//
//go:embed init/*.go
var initSource embed.FS

// toolNames are links to /init in the guest.
var toolNames = []string{"sbin/poweroff", "sbin/halt", "sbin/reboot", "sbin/shutdown", "bin/sh", "bin/true"}

func addInit(ctx context.Context, w *newc.Writer) error {
	path, err := buildInit(ctx)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("cannot read init: %w", err)
	}
	if err := w.File("init", 0o755, content); err != nil {
		return err
	}
	for _, name := range toolNames {
		if err := w.Symlink(name, "/init"); err != nil {
			return err
		}
	}
	return nil
}

// buildInit compiles package init, once per source and compiler.
func buildInit(ctx context.Context) (path string, err error) {
	h := sha256.New()
	fmt.Fprintln(h, runtime.Version())
	err = fs.WalkDir(initSource, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := initSource.ReadFile(path)
		fmt.Fprintf(h, "%s %d %s", path, len(content), content)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("cannot read the source of init: %w", err)
	}
	dir, err := store.Once(ctx, fmt.Sprintf("init-%x", h.Sum(nil)[:8]), func(dir string) error {
		return compile(ctx, filepath.Join(dir, "init"))
	})
	return filepath.Join(dir, "init"), err
}

func compile(ctx context.Context, out string) error {
	runtime.LockOSThread() // Pdeathsig is about the thread that starts the process
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out,
		"github.com/guestrc/guestrc/tests/tinyguest/init")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("cannot build init for guests: %w: %s", err, bytes.TrimSpace(output.Bytes()))
	}
	return nil
}
