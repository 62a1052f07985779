package units

import (
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestNotifier(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	n := NewNotifier(func(string) string { return path })
	n.MainPID(os.Getpid())
	n.MainPID(math.MaxInt32) // not there, hence not in our control group
	n.Status("asked by acpi")
	n.Extend(10 * time.Second)
	n.Ready(42, "running")
	var got []string
	buf := make([]byte, 4096)
	for range 4 {
		if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		size, err := c.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(buf[:size]))
	}
	want := []string{fmt.Sprintf("MAINPID=%d", os.Getpid()), "STATUS=asked by acpi", "EXTEND_TIMEOUT_USEC=40000000", "MAINPID=42\nREADY=1\nSTATUS=running"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
