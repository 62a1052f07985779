package rootfs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guestrc/guestrc/tests/debs"
	"github.com/guestrc/guestrc/tests/store"
)

// layout goes into every key: raise it when trees are laid out differently.
const layout = 1

// skel holds files of ours, a directory for each recipe that wants some.
//
//go:embed all:skel
var skel embed.FS

// topDirs are there in every root; LXC mounts on some of them. marks is where
// a container's own marks directory appears.
var topDirs = []string{"usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "etc", "root", "dev", "proc", "sys", "run", "var/log", "var/lib", "mnt", "marks"}

// applets are busybox's names in every tree; none of them is a part of an init.
var applets = strings.Fields("sh [ basename cat chmod chown cp cut date df dirname echo env expr false find grep head hostname id ip kill killall " +
	"ln ls mkdir mkfifo mknod mktemp mount mountpoint mv nc printf ps pwd readlink realpath rm rmdir sed sleep sort stat sync tail tee test touch tr true " +
	"tty umount uname uniq wc which")

// tree returns where the tree of init lies in the store, which it builds when
// nobody has. Nothing may be written there.
func tree(ctx context.Context, init Init) (string, error) {
	r, err := know(init)
	if err != nil {
		return "", err
	}
	shared, err := debs.UnpackWithLibraries(ctx, packages...)
	if err != nil {
		return "", err
	}
	from := []string{shared}
	if r.own != nil {
		own, err := debs.Unpack(ctx, r.own...)
		if err != nil {
			return "", err
		}
		from = append(from, own)
	}
	program := ""
	if r.arch != "" {
		if program, err = buildApp(ctx, r.arch); err != nil {
			return "", err
		}
	}
	key, err := digest(from, program, r)
	if err != nil {
		return "", err
	}
	return store.Once(ctx, treePrefix+string(init)+"-"+key, func(dir string) error {
		b := &builder{from: from, to: dir}
		if err := errors.Join(b.base(), b.all(r), b.program(program, r.names)); err != nil {
			return fmt.Errorf("cannot make a root with %s: %w", init, err)
		}
		return nil
	})
}

// digest is of everything that a tree depends on; what the store holds has a
// digest in its name.
func digest(from []string, program string, r recipe) (string, error) {
	h := sha256.New()
	for _, dir := range append(from, filepath.Dir(program)) {
		fmt.Fprintln(h, filepath.Base(dir))
	}
	fmt.Fprintln(h, layout, topDirs, applets, r.take, r.links, r.dirs, r.skel, r.names)
	err := fs.WalkDir(skel, "skel", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := skel.ReadFile(path)
		fmt.Fprintf(h, "%s %d %s", path, len(content), content)
		return err
	})
	return fmt.Sprintf("%x", h.Sum(nil)[:6]), err
}

// builder fills the directory to, from directories of unpacked packages.
type builder struct {
	from []string
	to   string
}

// base makes what every tree has: directories as on a system with merged /usr,
// and busybox.
func (b *builder) base() error {
	var errs []error
	for _, dir := range topDirs {
		errs = append(errs, os.MkdirAll(filepath.Join(b.to, dir), 0o755))
	}
	errs = append(errs, os.Mkdir(filepath.Join(b.to, "tmp"), 0o755), os.Chmod(filepath.Join(b.to, "tmp"), 0o777|fs.ModeSticky))
	for _, dir := range []string{"bin", "sbin", "lib", "lib64"} {
		errs = append(errs, b.link(dir, "usr/"+dir))
	}
	errs = append(errs, b.link("var/run", "/run"), b.take("usr/bin/busybox"))
	for _, a := range applets {
		errs = append(errs, b.link("usr/bin/"+a, "busybox"))
	}
	return errors.Join(append(errs, b.skel("base"))...)
}

func (b *builder) all(r recipe) error {
	var errs []error
	for _, path := range r.take {
		errs = append(errs, b.take(path))
	}
	for _, name := range r.dirs {
		errs = append(errs, os.MkdirAll(filepath.Join(b.to, name), 0o755))
	}
	for _, name := range r.skel {
		errs = append(errs, b.skel(name))
	}
	for _, name := range slices.Sorted(maps.Keys(r.links)) {
		errs = append(errs, b.link(name, r.links[name]))
	}
	return errors.Join(errs...)
}

// link makes a symbolic link, with the directories above it.
func (b *builder) link(name, target string) error {
	path := filepath.Join(b.to, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.Symlink(target, path)
}

// skel copies files of ours; those that begin like a script are executable.
func (b *builder) skel(name string) error {
	top := "skel/" + name
	return fs.WalkDir(skel, top, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := skel.ReadFile(path)
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if bytes.HasPrefix(content, []byte("#!")) {
			mode = 0o755
		}
		return b.write(strings.TrimPrefix(path, top+"/"), content, mode)
	})
}

func (b *builder) write(name string, content []byte, mode fs.FileMode) error {
	path := filepath.Join(b.to, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, content, mode); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

// program copies the program of Command app.
func (b *builder) program(path string, names []string) error {
	for _, name := range names {
		content, err := os.ReadFile(path)
		if err == nil {
			err = b.write("usr/bin/"+name, content, 0o755)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
