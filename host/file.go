package host

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// fileMax bounds what is read back of our own files, in bytes.
const fileMax = 4 << 10

// read gives the content of a file in dir, which only root may change. What
// somebody put there that is no file does not hang it.
func read(dir *os.File, name string) ([]byte, error) {
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open %s/%s: %w", dir.Name(), name, err)
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, fileMax))
	if err != nil {
		return nil, fmt.Errorf("cannot read %s/%s: %w", dir.Name(), name, err)
	}
	return data, nil
}
