package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/guestrc/guestrc/tests/need"
)

// Product installs the working tree (make install) into machines: the program,
// built anew, the init script, the units and what else belongs to them. Calling
// it once serves many machines.
func Product(t T) Option {
	t.Helper()
	need.Programs(t, "make", "install")
	tree, err := workingTree()
	if err != nil {
		t.Fatalf("cannot install guestrc: %v", err)
	}
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "make", "--no-print-directory", "-C", tree, "install",
		"DESTDIR="+filepath.Join(dir, "root"), "BIN="+filepath.Join(dir, "guestrc"))
	// The test may itself run below a make, whose settings are not meant for this one.
	cmd.Env = append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL=", "MAKEOVERRIDES=")
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := Start(t, cmd).Wait(ctx); err != nil {
		t.Fatalf("cannot install guestrc: %v\n%s", err, output.String())
	}
	return Layer(filepath.Join(dir, "root"))
}

// workingTree is the directory above us that holds go.mod: tests run in their
// package's directory.
func workingTree() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == "/" {
			return "", errors.New("there is no go.mod above this directory")
		}
		dir = filepath.Dir(dir)
	}
	return "", fmt.Errorf("cannot find the working tree: %w", err)
}
