package image

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/guestrc/guestrc/tests/debs"
)

// TestRealDiscs has discs out of Debian's packages: hybrid ones, that both
// firmwares start as a disc and as a disk.
func TestRealDiscs(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir, err := debs.Unpack(ctx, "memtest86+", "ipxe")
	if err != nil {
		t.Fatal(err)
	}
	discs, err := filepath.Glob(dir + "/usr/lib/*/*.iso")
	if err != nil || len(discs) == 0 {
		t.Fatalf("no discs below %s: %v", dir, err)
	}
	for _, disc := range discs {
		arch := "x64"
		if filepath.Base(disc) == "memtest86+ia32.iso" {
			arch = "ia32"
		}
		b, err := Boots(ctx, disc)
		if err != nil || b.BIOS != Yes || b.UEFIFor(arch) != Yes || !b.Disc || b.Table != MBR {
			t.Errorf("%s: %+v, %v", disc, b, err)
		}
		if b.UEFIFor("aa64") != No {
			t.Errorf("%s is said to be for another machine: %+v", disc, b)
		}
	}
}
