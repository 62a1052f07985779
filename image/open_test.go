package image

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// TestNoDeviceIsOpened: nor a FIFO, for which the kernel tells of it. An image may
// name /dev/watchdog as what it stands on, and to open that is to arm it.
func TestNoDeviceIsOpened(t *testing.T) {
	dir := t.TempDir()
	fifo, top, data := filepath.Join(dir, "fifo"), filepath.Join(dir, "top"), filepath.Join(dir, "data")
	watch, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(watch)
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.InotifyAddWatch(watch, fifo, unix.IN_OPEN); err != nil {
		t.Fatal(err)
	}
	withData := tinyQcow2(3, "")
	copy(withData[112:], "DATA\x00\x00\x00\x04fifo")
	for path, content := range map[string][]byte{top: tinyQcow2(3, "fifo"), data: withData} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{fifo, top, data} {
		if _, err := Chain(t.Context(), path, ""); err == nil || !strings.HasSuffix(err.Error(), ": neither a file nor a block device") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, _, err := Look(fifo); err == nil {
		t.Error("it is an image")
	}
	var event [256]byte
	if n, err := unix.Read(watch, event[:]); err != unix.EAGAIN {
		t.Errorf("it was opened: %d, %v", n, err)
	}
}

// TestFilesOfTheKernel: what reading them would do is not for an image to choose.
func TestFilesOfTheKernel(t *testing.T) {
	if format, _, err := Look("/proc/self/mem"); format != "" || err != nil { // where nothing is mapped at 0
		t.Errorf("%q, %v", format, err)
	}
}

// slow takes a second for each read.
type slow struct{ io.ReaderAt }

func (s slow) ReadAt(p []byte, at int64) (int, error) {
	<-time.After(time.Second)
	return s.ReaderAt.ReadAt(p, at)
}

func TestALookEnds(t *testing.T) {
	disk := cloud(grub(), one("EFI/BOOT/BOOTX64.EFI", x64))
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		b, err := boots(t.Context(), slow{bytes.NewReader(disk)}, uint64(len(disk)))
		if took := time.Since(began); err != nil || b.BIOS != Unknown || b.UEFI != Unknown || b.WhyBIOS != errTime.Error() || took > maxTime+time.Second {
			t.Errorf("%+v, %v, after %v", b, err, took)
		}
	})
}
