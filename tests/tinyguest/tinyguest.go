// Package tinyguest makes the guest that tests and the demo boot: a
// distribution's kernel and an initramfs with our own static /init, which
// behaves as the kernel command line says (see package init below), up in a
// few seconds without KVM. It refuses kernels without the modules it needs,
// and never installs anything on the host.
package tinyguest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/guestrc/guestrc/tests/newc"
	"github.com/guestrc/guestrc/tests/store"
)

// Options says what goes into the guest besides /init and the modules. The
// zero value is a guest that can be booted, reached and stopped.
type Options struct {
	Programs []Program
	Modules  []string // of the kernel, besides those that every guest has: "vhost_vsock"
	Files    []File
	Dir      string // for an image that nobody else will want; empty: it is kept in the store
}

// File is one more file in the guest.
type File struct {
	Path    string
	Mode    fs.FileMode // permission bits; ModeDir makes a directory
	Content []byte
}

// Image is a guest ready to boot; the paths are absolute and shared with other
// tests: do not write to them.
type Image struct {
	Kernel string
	Initrd string
}

// Cmdline is the kernel's command line: console on the first serial port, few
// messages, then words as package init below understands them.
func Cmdline(words ...string) string {
	line := "console=ttyS0 quiet loglevel=4"
	for _, w := range words {
		line += " " + w
	}
	return line
}

// Build returns an image with what Options asks for. It is built once per
// content; the first call on a machine downloads a kernel when the host has
// none that fits.
func Build(ctx context.Context, o Options) (Image, error) {
	k, err := findKernel(ctx)
	if err != nil {
		return Image{}, err
	}
	archive, err := archive(ctx, k, o)
	if err != nil {
		return Image{}, err
	}
	if o.Dir != "" {
		return k.with(o.Dir, archive)
	}
	for _, prefix := range []string{"image-", "init-"} {
		if err := store.Prune(prefix, 7*24*time.Hour); err != nil {
			return Image{}, err
		}
	}
	key := fmt.Sprintf("image-%x", sha256.Sum256(archive))[:24]
	dir, err := store.Once(ctx, key, func(dir string) error {
		_, err := k.with(dir, archive)
		return err
	})
	return Image{k.image, filepath.Join(dir, initrd)}, err
}

const initrd = "initrd"

// with writes the archive into dir, not compressed: to unpack it would be the
// guest's work, without KVM.
func (k kernel) with(dir string, archive []byte) (Image, error) {
	path := filepath.Join(dir, initrd)
	if err := os.WriteFile(path, archive, 0o644); err != nil {
		return Image{}, fmt.Errorf("cannot write the initramfs: %w", err)
	}
	return Image{k.image, path}, nil
}

// archive puts the initramfs together.
func archive(ctx context.Context, k kernel, o Options) ([]byte, error) {
	var b bytes.Buffer
	w := newc.NewWriter(&b)
	// The kernel gives init its console from the archive's own node.
	if err := w.CharDevice("dev/console", 0o600, 5, 1); err != nil {
		return nil, err
	}
	for _, dir := range []string{"proc", "sys", "run", "tmp", "root", "var", "etc", "sbin", "bin"} {
		if err := w.Dir(dir, 0o755); err != nil {
			return nil, err
		}
	}
	if err := addInit(ctx, w); err != nil {
		return nil, err
	}
	if err := k.addModules(ctx, w, o.Modules); err != nil {
		return nil, err
	}
	if err := addPrograms(w, o.Programs); err != nil {
		return nil, err
	}
	files := slices.SortedFunc(slices.Values(o.Files), func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	for _, f := range files {
		var err error
		if f.Mode.IsDir() {
			err = w.Dir(f.Path, f.Mode)
		} else {
			err = w.File(f.Path, f.Mode, f.Content)
		}
		if err != nil {
			return nil, err
		}
	}
	return b.Bytes(), w.Close()
}
