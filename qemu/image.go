package qemu

import "github.com/guestrc/guestrc/image"

// readImage looks at the beginning of a regular file or block device. It opens
// nothing else, and does not wait.
func readImage(path string) (Image, error) {
	format, block, err := image.Look(path)
	if err != nil {
		return Image{}, err
	}
	return Image{Block: block, Format: format}, nil
}
