package deps

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/confd"
)

func TestOf(t *testing.T) {
	c, err := confd.Parse("conf", []byte("rc_need=\"qemu.b  net.br0\"\nrc_want='sshd'\nrc_after=$rc_need\nrc_use=\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Relations{Need: []string{"qemu.b", "net.br0"}, Want: []string{"sshd"}, After: []string{"qemu.b", "net.br0"}, Use: []string{}, Before: []string{}}
	if diff := cmp.Diff(want, Of(c)); diff != "" {
		t.Error(diff)
	}
}
