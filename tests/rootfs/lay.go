package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/need"
)

// rootSort is how a root is made of a tree.
type rootSort int

const (
	copyRoot rootSort = iota
	overlayRoot
	imageRoot
)

// layRoot makes the root and returns what lxc.rootfs.path says of it.
func (c *Container) layRoot(t T, tree string, s *spec) (path string, err error) {
	if s.mapped && s.root != copyRoot {
		return "", errors.New("an id-mapped root is a copy; no other sort is made here")
	}
	c.Rootfs = filepath.Join(c.Dir, "rootfs")
	if s.root == overlayRoot {
		// LXC makes its work directory beside this one.
		if err := os.MkdirAll(c.Rootfs, 0o755); err != nil {
			return "", err
		}
		return "overlay:" + tree + ":" + c.Rootfs, c.writeFiles(s.files)
	}
	// cp knows how to share extents where the file system can.
	if err := c.run(t, "cp", "-a", tree, c.Rootfs); err != nil {
		return "", err
	}
	if err := c.writeFiles(s.files); err != nil {
		return "", err
	}
	if s.root == imageRoot {
		return c.image(t)
	}
	if s.mapped {
		return "dir:" + c.Rootfs, giveAway(c.Rootfs)
	}
	return "dir:" + c.Rootfs, nil
}

func (c *Container) writeFiles(files []file) error {
	var errs []error
	for _, f := range files {
		b := builder{to: c.Rootfs}
		errs = append(errs, b.write(f.name, []byte(f.content), f.mode))
	}
	return errors.Join(errs...)
}

// imageSpare is what an image has for new files, in KiB.
const imageSpare = 16 << 10

// image replaces the root by an ext4 image of it.
func (c *Container) image(t T) (path string, err error) {
	need.Programs(t, "mkfs.ext4")
	var size int64
	err = filepath.WalkDir(c.Rootfs, func(_ string, d fs.DirEntry, err error) error {
		if err == nil {
			var st fs.FileInfo
			if st, err = d.Info(); err == nil {
				size += st.Size()/1024 + 4
			}
		}
		return err
	})
	if err != nil {
		return "", err
	}
	img := c.Rootfs + ".img"
	if err := c.run(t, "mkfs.ext4", "-q", "-O", "^has_journal", "-d", c.Rootfs, img, fmt.Sprintf("%dk", size+imageSpare)); err != nil {
		return "", err
	}
	tree := c.Rootfs
	c.Rootfs = img
	return "loop:" + img, os.RemoveAll(tree)
}

// toolsWithoutNewuidmap returns a PATH with LXC's programs, and what this
// package and guestrc run besides.
func (c *Container) toolsWithoutNewuidmap() (path string, err error) {
	start, err := exec.LookPath("lxc-start")
	if err != nil {
		return "", err
	}
	tools, err := filepath.Glob(filepath.Join(filepath.Dir(start), "lxc-*"))
	if err != nil {
		return "", err
	}
	for _, name := range []string{"sh", "unshare", "mount", "umount"} {
		tool, err := exec.LookPath(name)
		if err != nil {
			return "", err
		}
		tools = append(tools, tool)
	}
	dir := filepath.Join(c.top, "bin")
	errs := []error{os.Mkdir(dir, 0o755)}
	for _, tool := range tools {
		errs = append(errs, os.Symlink(tool, filepath.Join(dir, filepath.Base(tool))))
	}
	return dir, errors.Join(errs...)
}

// giveAway makes root's files those of root in a mapped container.
func giveAway(root string) error {
	return filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, idBase, idBase)
	})
}

// run runs a program of the host to its end.
func (c *Container) run(t T, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(t.Context(), toolTime)
	defer cancel()
	var output strings.Builder
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin", "LC_ALL=C")
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := lab.Start(t, cmd).Wait(ctx); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(output.String()))
	}
	return nil
}
