package tinyguest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guestrc/guestrc/tests/debs"
)

// kernel is an image and the directory with its modules.
type kernel struct {
	image   string
	modules string // …/lib/modules/VERSION
}

// findKernel prefers one that the host has; else it takes the distribution's
// kernel for virtual machines, and then the one for all machines.
func findKernel(ctx context.Context) (kernel, error) {
	var errs []error
	for _, k := range hostKernels("/") {
		err := k.usable(ctx)
		if err == nil {
			return k, nil
		}
		errs = append(errs, err)
	}
	for _, meta := range []string{"linux-image-cloud-amd64", "linux-image-amd64"} {
		k, err := download(ctx, meta)
		if err == nil {
			return k, nil
		}
		errs = append(errs, err)
	}
	return kernel{}, fmt.Errorf("cannot find a kernel for guests: %w", errors.Join(errs...))
}

// hostKernels lists those below root, newest name first.
func hostKernels(root string) (found []kernel) {
	images, _ := filepath.Glob(filepath.Join(root, "boot", "vmlinuz-*")) // the pattern is valid
	slices.Sort(images)
	slices.Reverse(images)
	for _, image := range images {
		version := strings.TrimPrefix(filepath.Base(image), "vmlinuz-")
		found = append(found, kernel{image, mergedLib(root, "modules", version)})
	}
	return found
}

// mergedLib finds lib/… below usr too, where unpacked packages have it.
func mergedLib(root string, elem ...string) string {
	path := filepath.Join(append([]string{root, "usr", "lib"}, elem...)...)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	return filepath.Join(append([]string{root, "lib"}, elem...)...)
}

func download(ctx context.Context, meta string) (kernel, error) {
	dir, err := debs.UnpackDependency(ctx, meta, "linux-image-")
	if err != nil {
		return kernel{}, err
	}
	found := hostKernels(dir)
	if len(found) == 0 {
		return kernel{}, fmt.Errorf("cannot find the kernel in what %s depends on", meta)
	}
	return found[0], found[0].usable(ctx)
}

// usable says why not.
func (k kernel) usable(ctx context.Context) error {
	f, err := os.Open(k.image)
	if err != nil {
		return fmt.Errorf("cannot use a kernel: %w", err)
	}
	f.Close()
	if _, err := k.loadOrder(ctx); err != nil {
		return fmt.Errorf("cannot use kernel %s: %w", k.image, err)
	}
	return nil
}
