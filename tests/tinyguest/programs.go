package tinyguest

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guestrc/guestrc/tests/debs"
	"github.com/guestrc/guestrc/tests/newc"
)

// Program is one program for the guest, with where its libraries are.
type Program struct {
	Path string // as in the guest: "/usr/sbin/sshd"
	Root string // the tree to copy from: "/", or an unpacked package
}

// FromPackages downloads Debian packages with their libraries, without
// installing them, and returns the programs at the paths given.
func FromPackages(ctx context.Context, packages []string, paths ...string) ([]Program, error) {
	root, err := debs.UnpackWithLibraries(ctx, packages...)
	if err != nil {
		return nil, err
	}
	var list []Program
	for _, p := range paths {
		list = append(list, Program{Path: p, Root: root})
	}
	return list, nil
}

// Agent is the real QEMU guest agent; gr.run=/usr/sbin/qemu-ga starts it.
func Agent(ctx context.Context) ([]Program, error) {
	return FromPackages(ctx, []string{"qemu-guest-agent"}, "/usr/sbin/qemu-ga")
}

// libraryDirs are where the dynamic loader looks on Debian, ld.so(8).
var libraryDirs = []string{"/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib", "/lib64", "/lib"}

// addPrograms adds each program, its loader and its libraries, once.
func addPrograms(w *newc.Writer, programs []Program) error {
	added := map[string]bool{}
	for _, p := range programs {
		if err := addBinary(w, added, p.Root, p.Path, p.Path); err != nil {
			return err
		}
	}
	return nil
}

// addBinary copies root/from to path in the guest, then what it needs.
func addBinary(w *newc.Writer, added map[string]bool, root, from, path string) error {
	if added[path] {
		return nil
	}
	added[path] = true
	content, err := os.ReadFile(filepath.Join(root, from))
	if err != nil {
		return fmt.Errorf("cannot copy %s into the guest: %w", from, err)
	}
	if err := w.File(path, 0o755, content); err != nil {
		return err
	}
	f, err := elf.Open(filepath.Join(root, from))
	if err != nil {
		return fmt.Errorf("cannot copy %s into the guest: %w", from, err)
	}
	defer f.Close()
	if loader := interpreter(f); loader != "" {
		if err := addBinary(w, added, root, findLibrary(root, filepath.Base(loader)), loader); err != nil {
			return err
		}
	}
	needed, err := f.DynString(elf.DT_NEEDED)
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		return fmt.Errorf("cannot find the libraries of %s: %w", from, err)
	}
	slices.Sort(needed)
	for _, name := range needed {
		lib := findLibrary(root, name)
		if lib == "" {
			return fmt.Errorf("cannot copy %s into the guest: its library %s is not below %s", from, name, root)
		}
		if strings.HasPrefix(name, "ld-linux") {
			continue // the interpreter, at its own path
		}
		if err := addBinary(w, added, root, lib, filepath.Join("/usr/lib", name)); err != nil {
			return err
		}
	}
	return nil
}

// interpreter is the path of the dynamic loader, empty in a static program.
func interpreter(f *elf.File) string {
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			b := make([]byte, p.Filesz)
			if _, err := p.ReadAt(b, 0); err != nil {
				return ""
			}
			return strings.TrimRight(string(b), "\x00")
		}
	}
	return ""
}

// findLibrary returns the path below root, empty when there is none.
func findLibrary(root, name string) string {
	for _, dir := range libraryDirs {
		if _, err := os.Stat(filepath.Join(root, dir, name)); err == nil {
			return filepath.Join(dir, name)
		}
	}
	return ""
}
