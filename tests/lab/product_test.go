package lab

import (
	"strings"
	"testing"
	"time"
)

func TestProduct(t *testing.T) {
	t.Parallel()
	m := OpenRC(t, Product(t))
	ctx := within(t, time.Minute)
	if out := m.Must(ctx, "guestrc", "version"); !strings.HasPrefix(out, "guestrc ") {
		t.Errorf("it says %q", out)
	}
	for _, path := range []string{"/etc/init.d/guestrc", "/usr/lib/systemd/system/guestrc-qemu@.service", "/etc/conf.d/qemu",
		"/usr/share/man/man8/guestrc.8", "/usr/share/man/man5/guestrc.conf.5"} {
		if text, err := m.ReadFile(path); err != nil || text == "" {
			t.Errorf("%s: %d bytes, %v", path, len(text), err)
		}
	}
}
