package image

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestProbe(t *testing.T) {
	for header, want := range map[string]string{
		"": "", "Q": "", "QFI\xfb": "qcow2", "LUKS\xba\xbe\x00\x01": "luks", "QFI": "", strings.Repeat("\x00", 512): "",
		"QFI\xfb\x00\x00\x00\x01": "qcow",
	} {
		if got := Probe([]byte(header)); got != want {
			t.Errorf("%q is %q, want %q", header, got, want)
		}
	}
}

func TestWhatContradictsWhatIsRecorded(t *testing.T) {
	for _, c := range []struct {
		told, shown string
		want        bool
	}{
		{"raw", "qcow2", true}, {"qcow2", "raw", true}, {"qcow2", "qcow2", false}, {"raw", "raw", false}, {"", "qcow2", false},
		{"vmdk", "raw", false}, // a descriptor is text
		{"vpc", "raw", false},  // of fixed size
		{"raw", "luks", false}, // the guest's own
		{"qcow2", "vdi", true}, {"raw", "vmdk", true}, {"host_device", "qcow2", false},
	} {
		if got := contradict(c.told, c.shown); got != c.want {
			t.Errorf("told %q, shown %q: %v, want %v", c.told, c.shown, got, c.want)
		}
	}
}

func TestLookRefusesWhatIsNoImage(t *testing.T) {
	for _, path := range []string{t.TempDir(), "/dev/null", filepath.Join(t.TempDir(), "missing")} {
		if _, _, err := Look(path); err == nil {
			t.Errorf("%s is an image", path)
		}
		if img, err := Open(path); err == nil {
			img.Close()
			t.Errorf("%s can be opened as an image", path)
		}
	}
}

func FuzzProbe(f *testing.F) {
	known := map[string]bool{"": true, "qcow": true}
	for _, m := range magics {
		f.Add([]byte(strings.Repeat("\x00", m.offset) + m.bytes))
		known[m.format] = true
	}
	f.Add([]byte("QFI\xfb\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, header []byte) {
		if got := Probe(header); !known[got] {
			t.Errorf("%q", got)
		}
	})
}

// write makes a file of the test's own.
func write(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
