package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Link is one image of a chain.
type Link struct {
	Path     string
	Format   string // that the bytes show; empty where they were not looked at
	Recorded string // the format that the image above has on record for it, or its caller told; may be empty
	Size     uint64 // of the disk, in bytes; 0 where only the format is known
	Block    bool
	// NotFollowed is why it was not looked at, or not for what it may stand on.
	NotFollowed string
}

// ChainError says which image of a chain cannot be used. Err is fs.ErrNotExist
// and the like, ErrCircle, ErrDeep or a *FormatError.
type ChainError struct {
	Path string
	By   string // the image that stands on it; empty for the first
	Err  error
}

func (e *ChainError) Error() string {
	if e.By == "" {
		return fmt.Sprintf("cannot read image %s: %v", e.Path, e.Err)
	}
	return fmt.Sprintf("cannot read %s, which %s stands on: %v", e.Path, e.By, e.Err)
}

func (e *ChainError) Unwrap() error { return e.Err }

// FormatError is an image of another format than somebody wrote down.
type FormatError struct{ Told, Shown string }

func (e *FormatError) Error() string {
	return fmt.Sprintf("it is to be %s and is %s", e.Told, e.Shown)
}

var (
	ErrCircle = errors.New("the chain of backing files turns in a circle")
	ErrDeep   = fmt.Errorf("the chain of backing files is longer than %d", maxChain)
)

// maxChain is far above what QEMU is used with: each takes it a lookup per read.
const maxChain = 64

// Chain lists the image and all that it stands on. format is what QEMU is told
// the first one is, empty if nothing: one that is read as raw stands on nothing.
// With an error come the images above it.
func Chain(ctx context.Context, path, format string) ([]Link, error) {
	images, links, err := walk(path, format, ctx.Err)
	for _, img := range images {
		err = errors.Join(err, img.file.Close())
	}
	return links, err
}

// walk opens the images of a chain, until stop says otherwise.
func walk(path, told string, stop func() error) (images []*Image, links []Link, err error) {
	by := ""
	var seen []fs.FileInfo
	for {
		if err := stop(); err != nil {
			return images, links, err
		}
		fail := func(err error) ([]*Image, []Link, error) {
			return images, links, &ChainError{path, by, bare(err)}
		}
		if len(images) == maxChain {
			return fail(ErrDeep)
		}
		img, err := openOne(path, told)
		if err != nil {
			return fail(err)
		}
		info, err := img.file.Stat()
		if err != nil || circle(seen, info) || contradict(told, img.Format) && (by != "" || told != Raw) {
			img.file.Close()
			switch {
			case err == nil && circle(seen, info):
				err = ErrCircle
			case err == nil:
				err = &FormatError{told, img.Format}
			}
			return fail(err)
		}
		seen, images = append(seen, info), append(images, img)
		links = append(links, Link{path, img.Format, told, img.Size, img.Block, img.notFollowed()})
		if img.qcowErr != nil {
			return fail(img.qcowErr)
		}
		if err := img.dataFile(); err != nil {
			return images, links, err
		}
		if img.qcow == nil || img.qcow.backing == "" {
			return images, links, nil
		}
		next, why := resolve(path, img.qcow.backing)
		if why != "" {
			links = append(links, Link{Path: img.qcow.backing, Recorded: img.qcow.backingFormat, NotFollowed: why})
			return images, links, nil
		}
		path, by, told = next, path, img.qcow.backingFormat
	}
}

func circle(seen []fs.FileInfo, info fs.FileInfo) bool {
	for _, s := range seen {
		if os.SameFile(s, info) {
			return true
		}
	}
	return false
}

// notFollowed names formats that may stand on others.
func (i *Image) notFollowed() string {
	switch i.told {
	case "qcow", "qed", "vmdk", "vpc", "vhdx", "parallels":
		return "what an image of the format " + i.told + " stands on is not looked at"
	}
	return ""
}

// dataFile looks whether an external data file is there.
func (i *Image) dataFile() error {
	if i.qcow == nil || i.qcow.data == "" {
		return nil
	}
	path, why := resolve(i.Path, i.qcow.data)
	if why != "" {
		return nil
	}
	f, _, err := find(path)
	if err != nil {
		return &ChainError{path, i.Path, bare(err)}
	}
	return f.Close()
}

// resolve tells which file a name in an image means: a relative one begins in
// the directory of the image, as that was named (path_combine in QEMU's
// util/cutils.c and block.c). Names with a protocol are none; "file:" is for
// names that hold a colon, and QEMU takes it off.
func resolve(image, name string) (path, why string) {
	if name, ok := strings.CutPrefix(name, "file:"); ok && strings.HasPrefix(name, "/") {
		return name, ""
	}
	dir, _, _ := strings.Cut(name, "/")
	switch {
	case strings.ContainsRune(name, 0):
		return "", "its name has a NUL byte"
	case strings.Contains(dir, ":"):
		protocol, _, _ := strings.Cut(name, ":")
		return "", protocol + ": is not followed"
	case strings.HasPrefix(name, "/"):
		return name, ""
	}
	return image[:strings.LastIndex(image, "/")+1] + name, ""
}
