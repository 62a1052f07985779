// Package debs unpacks Debian packages into the store, without installing
// them: no maintainer script runs and nothing on the host changes. The mirror
// is whatever apt is configured with. It refuses to work without apt-get and
// dpkg.
package debs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/guestrc/guestrc/tests/store"
)

// layout goes into every key: raise it when Unpack lays files out differently.
const layout = 1

// Unpack returns a directory with the files of the packages named. Their bin,
// sbin and lib lie below usr, as on a host with merged /usr.
func Unpack(ctx context.Context, packages ...string) (dir string, err error) {
	return unpack(ctx, "debs", packages, func() ([]string, error) { return packages, nil })
}

// UnpackWithLibraries is Unpack for the packages and all the libraries that
// they depend on, directly or not.
func UnpackWithLibraries(ctx context.Context, packages ...string) (dir string, err error) {
	return unpack(ctx, "libs", packages, func() ([]string, error) { return withLibraries(ctx, packages) })
}

// UnpackDependency is Unpack for what a metapackage stands for: the package
// that it depends on whose name starts with prefix.
func UnpackDependency(ctx context.Context, meta, prefix string) (dir string, err error) {
	return unpack(ctx, "debs", []string{meta, prefix}, func() ([]string, error) {
		names, err := Depends(ctx, meta)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(names, func(name string) bool { return strings.HasPrefix(name, prefix) })
		if i < 0 {
			return nil, fmt.Errorf("cannot find %s* among what %s depends on: %q", prefix, meta, names)
		}
		return names[i : i+1], nil
	})
}

func unpack(ctx context.Context, kind string, packages []string, all func() ([]string, error)) (string, error) {
	key := fmt.Sprintf("%s-%s-%s", kind, packages[0], digest(release(), packages))
	return store.Once(ctx, key, func(dir string) error {
		names, err := all()
		if err != nil {
			return err
		}
		if err := download(ctx, dir, names); err != nil {
			return err
		}
		return mergeUsr(ctx, dir)
	})
}

// download fetches and unpacks into dir.
func download(ctx context.Context, dir string, packages []string) error {
	tmp, err := os.MkdirTemp("", "guestrc-debs-")
	if err != nil {
		return fmt.Errorf("cannot download packages: %w", err)
	}
	defer os.RemoveAll(tmp)
	// The sandbox user cannot write to our directory; apt would only warn.
	get := append([]string{"apt-get", "-q", "-o", "APT::Sandbox::User=", "download"}, packages...)
	if _, err := run(ctx, tmp, get...); err != nil {
		return fmt.Errorf("cannot download %s: %w; is \"apt-get update\" due?", strings.Join(packages, " "), err)
	}
	files, err := filepath.Glob(filepath.Join(tmp, "*.deb"))
	if err != nil || len(files) < len(packages) {
		return errors.Join(fmt.Errorf("cannot download %s: apt-get left %d packages", strings.Join(packages, " "), len(files)), err)
	}
	for _, f := range files {
		if _, err := run(ctx, tmp, "dpkg", "-x", f, dir); err != nil {
			return fmt.Errorf("cannot unpack %s: %w", filepath.Base(f), err)
		}
	}
	return nil
}

// mergeUsr moves what bookworm's packages still ship outside usr: laid over a
// merged root, a real /lib would hide the link /lib -> usr/lib.
func mergeUsr(ctx context.Context, dir string) error {
	for _, top := range []string{"bin", "sbin", "lib", "lib64"} {
		from, to := filepath.Join(dir, top), filepath.Join(dir, "usr", top)
		if _, err := os.Lstat(from); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.MkdirAll(to, 0o755); err != nil {
			return fmt.Errorf("cannot move %s below usr: %w", top, err)
		}
		if _, err := run(ctx, dir, "cp", "-a", from+"/.", to); err != nil {
			return fmt.Errorf("cannot move %s below usr: %w", top, err)
		}
		if err := os.RemoveAll(from); err != nil {
			return fmt.Errorf("cannot move %s below usr: %w", top, err)
		}
	}
	return nil
}

// withLibraries adds the libraries, breadth first.
func withLibraries(ctx context.Context, packages []string) ([]string, error) {
	all := slices.Clone(packages)
	for level := packages; len(level) > 0; {
		next, err := Depends(ctx, level...)
		if err != nil {
			return nil, err
		}
		level = nil
		for _, name := range next {
			if isLibrary(name) && !slices.Contains(all, name) {
				all, level = append(all, name), append(level, name)
			}
		}
	}
	return all, nil
}

// isLibrary goes by Debian's naming: libX, and the one exception.
func isLibrary(name string) bool { return strings.HasPrefix(name, "lib") || name == "zlib1g" }

// Depends lists what the packages depend on (Depends and Pre-Depends), each
// alternative by itself, without virtual packages and their providers.
func Depends(ctx context.Context, packages ...string) (names []string, err error) {
	out, err := run(ctx, "", append([]string{"apt-cache", "depends", "--important"}, packages...)...)
	if err != nil {
		return nil, fmt.Errorf("cannot find what %s depends on: %w", strings.Join(packages, " "), err)
	}
	for line := range strings.Lines(out) {
		// "  Depends: x" or " |Depends: x"; providers are indented further.
		_, name, ok := strings.Cut(strings.TrimSpace(line), "epends: ")
		if ok && !strings.HasPrefix(name, "<") && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// release tells apart what the same package name means on different hosts.
func release() string {
	b, _ := os.ReadFile("/etc/os-release") // without one, all hosts are the same
	return string(b)
}

func digest(release string, packages []string) string {
	h := sha256.Sum256(fmt.Append(nil, layout, release, packages))
	return fmt.Sprintf("%x", h[:6])
}

// run returns the standard output; its error holds the end of what the command
// wrote to standard error.
func run(ctx context.Context, dir string, argv ...string) (string, error) {
	runtime.LockOSThread() // Pdeathsig is about the thread that starts the process
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	if text := strings.TrimSpace(stderr.String()); err != nil && text != "" {
		err = fmt.Errorf("%s: %w: %s", argv[0], err, text[max(0, len(text)-400):])
	}
	return stdout.String(), err
}
