package units

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestGenerate(t *testing.T) {
	dir := t.TempDir()
	err := Generate(dir, []Service{
		{Kind: "qemu", Instance: "web", Requires: []string{Name("qemu", "db")}, Wants: []string{Name("qemu", "log")},
			After: []string{Name("qemu", "ntp")}, Before: []string{Name("qemu", "lb")}, Start: 160 * time.Second, Stop: 85 * time.Second},
		{Kind: "qemu", Instance: "stays", Start: time.Minute, Stop: math.MaxInt64},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"guestrc-qemu@web.service": `# made by guestrc-generator from /etc/conf.d
[Unit]
Requires=guestrc-qemu@db.service
Wants=guestrc-qemu@log.service
After=guestrc-qemu@db.service
After=guestrc-qemu@log.service
After=guestrc-qemu@ntp.service
Before=guestrc-qemu@lb.service
[Service]
TimeoutStartSec=190
TimeoutStopSec=115
`,
		"guestrc-qemu@stays.service": `# made by guestrc-generator from /etc/conf.d
[Unit]
[Service]
TimeoutStartSec=90
TimeoutStopSec=infinity
`,
	}
	for unit, text := range want {
		path := filepath.Join(dir, unit+".d", "50-guestrc.conf")
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(text, string(got)); diff != "" {
			t.Errorf("%s: %s", unit, diff)
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o644 {
			t.Errorf("%s: mode %v, %v", unit, info.Mode(), err)
		}
	}
}

func TestGenerateTellsWhatItCannotWrite(t *testing.T) {
	if err := Generate("/proc/nowhere", []Service{{Kind: "qemu", Instance: "a"}}); err == nil {
		t.Error("no error for a directory that cannot be made")
	}
}
