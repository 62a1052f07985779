package rootfs

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// libraryDirs are where Debian has shared libraries; the second is in the
// RUNPATH of systemd's programs.
var libraryDirs = []string{"usr/lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/systemd"}

// take copies a file, a symbolic link or a directory with all in it, and the
// libraries that programs are linked with.
func (b *builder) take(name string) error {
	from, err := b.holder(name)
	if err != nil {
		return err
	}
	return filepath.WalkDir(filepath.Join(from, name), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.Type() == fs.ModeSymlink {
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return b.link(rel, target)
		}
		return b.file(rel, rel)
	})
}

// holder returns which of the directories has a name.
func (b *builder) holder(name string) (string, error) {
	for _, dir := range b.from {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("cannot find %s in %q", name, b.from)
}

// file copies what name stands for in the packages, links followed.
func (b *builder) file(name, to string) error {
	content, mode, err := b.read(name)
	if err != nil {
		return err
	}
	if err := b.write(to, content, mode); err != nil {
		return err
	}
	if !bytes.HasPrefix(content, []byte(elf.ELFMAG)) {
		return nil
	}
	return b.libraries(name, content)
}

// read follows links as the kernel would with the packages' directory as root.
func (b *builder) read(name string) ([]byte, fs.FileMode, error) {
	dir, err := b.holder(name)
	if err != nil {
		return nil, 0, err
	}
	root, err := os.Open(dir)
	if err != nil {
		return nil, 0, err
	}
	defer root.Close()
	fd, err := unix.Openat2(int(root.Fd()), name, &unix.OpenHow{Flags: unix.O_RDONLY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT})
	if err != nil {
		return nil, 0, &fs.PathError{Op: "open", Path: filepath.Join(dir, name), Err: err}
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	content, err := io.ReadAll(f)
	return content, st.Mode().Perm(), err
}

// libraries copies what a program or library needs to be loaded, and what that
// needs.
func (b *builder) libraries(name string, content []byte) error {
	f, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", name, err)
	}
	wanted, err := f.ImportedLibraries()
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", name, err)
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		interp, err := io.ReadAll(p.Open())
		if err != nil {
			return fmt.Errorf("cannot read %s: %w", name, err)
		}
		loader := "usr" + string(bytes.TrimRight(interp, "\x00"))
		if err := b.once(filepath.Join(libraryDirs[0], filepath.Base(loader)), loader); err != nil {
			return err
		}
	}
	for _, lib := range wanted {
		i := slices.IndexFunc(libraryDirs, func(dir string) bool {
			_, err := b.holder(filepath.Join(dir, lib))
			return err == nil
		})
		if i < 0 {
			return fmt.Errorf("cannot find %s, which %s needs", lib, name)
		}
		path := filepath.Join(libraryDirs[i], lib)
		if err := b.once(path, path); err != nil {
			return err
		}
	}
	return nil
}

// once is file for what may have been copied before.
func (b *builder) once(name, to string) error {
	if _, err := os.Lstat(filepath.Join(b.to, to)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return b.file(name, to)
}
