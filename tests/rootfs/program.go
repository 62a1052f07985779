package rootfs

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/guestrc/guestrc/tests/store"
)

// appSource is what Command app is built from: its hash is the key of the result.
//
//go:embed app/main.go
var appSource []byte

// buildApp compiles Command app for an architecture, once per source and
// compiler, and returns where the program lies.
func buildApp(ctx context.Context, arch string) (path string, err error) {
	h := sha256.New()
	fmt.Fprintf(h, "%s %s\n%s", runtime.Version(), arch, appSource)
	dir, err := store.Once(ctx, fmt.Sprintf("app-%s-%x", arch, h.Sum(nil)[:8]), func(dir string) error {
		return compile(ctx, arch, filepath.Join(dir, "app"))
	})
	return filepath.Join(dir, "app"), err
}

func compile(ctx context.Context, arch, out string) error {
	runtime.LockOSThread() // Pdeathsig is about the thread that starts the process
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out,
		"github.com/guestrc/guestrc/tests/rootfs/app")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("cannot build a program for containers: %w: %s", err, bytes.TrimSpace(output.Bytes()))
	}
	return nil
}
