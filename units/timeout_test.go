package units

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestTimeSpansAreReadAsSystemdDoes(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"95": 95 * time.Second, "1min 30s": 90 * time.Second, "1min30s": 90 * time.Second, "2 h": 2 * time.Hour, "1.5s": 1500 * time.Millisecond,
		"infinity": math.MaxInt64, "0": math.MaxInt64, "500ms": 500 * time.Millisecond,
		"": 0, "soon": 0, "5 fortnights": 0, "1e9 d": 0, "-5": 0, ".": 0,
	} {
		got, ok := timeSpan(text)
		if !ok {
			got = 0
		}
		if got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func FuzzTimeSpan(f *testing.F) {
	for _, seed := range []string{"95", "1min 30s", "infinity", "9999999999999999999d", "1 1 1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d, ok := timeSpan(text); ok && d < 0 {
			t.Errorf("%q is %v", text, d)
		}
	})
}

func TestTheLastDropInCounts(t *testing.T) {
	root := t.TempDir()
	write := func(path, text string) {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stop := func() time.Duration {
		t.Helper()
		f, err := Scan(root)
		if err != nil {
			t.Fatal(err)
		}
		return f.StopTime("guestrc-qemu@db.service")
	}
	if d := stop(); d != 0 {
		t.Errorf("without files: %v", d)
	}
	write("usr/lib/systemd/system/guestrc-qemu@.service", "[Unit]\nTimeoutStopSec=1\n[Service]\n# TimeoutStopSec=2\nTimeoutStopSec=150\n")
	if d := stop(); d != 150*time.Second {
		t.Errorf("the template's: %v", d)
	}
	write("run/systemd/generator/guestrc-qemu@db.service.d/50-guestrc.conf", "[Service]\nTimeoutStopSec=80\n")
	if d := stop(); d != 80*time.Second {
		t.Errorf("the generator's: %v", d)
	}
	write("etc/systemd/system/guestrc-qemu@.service.d/60-mine.conf", "[Service]\nTimeoutSec=1min\n")
	if d := stop(); d != time.Minute {
		t.Errorf("the administrator's: %v", d)
	}
	write("etc/systemd/system/guestrc-qemu@db.service.d/50-guestrc.conf", "") // masks
	if err := os.Remove(filepath.Join(root, "etc/systemd/system/guestrc-qemu@.service.d/60-mine.conf")); err != nil {
		t.Fatal(err)
	}
	if d := stop(); d != 150*time.Second {
		t.Errorf("of one that is masked: %v", d)
	}
}
