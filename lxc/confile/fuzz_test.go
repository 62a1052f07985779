package confile

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// FuzzParse: a text is refused with a place in it, or gives entries that stand
// where they are said to; migrated, it says the same and needs nothing more.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "lxc.uts.name = a\n", " \tlxc.tty\t= 'a' \r\n#lxc.tty=1\n\rlxc.kmsg=\n", "lxc.\n", "lxc.a=\x00\n", "x\nlxc.a=\"\n", "lxc.limit.a=1", "lxc.limit=",
		"lxc.network.type=veth\nlxc.network.ipv4=1\nlxc.network.0.ipv6=2\nlxc.net.0.type=phys\n", "lxc.network.link=a\n", "lxc.network=\n", "lxc.net.007.link=a\nlxc.net.=\n",
		"lxc.rootfs=/a\nlxc.rootfs.backend=lvm\n", "lxc.rootfs=\"'\nlxc.pivotdir=x\rlxc.rootfs=dir:x'\r", "lxc.include=/no/such\n", "\ufefflxc.a=b\n", "lxc.cap.keep=none 22\n", "lxc.mount.entry=a\\040b c\n",
		old, network,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		original := bytes.Clone(src)
		r := newReader(false)
		r.parse(&source{"f", src})
		c, err := r.config()
		if err != nil {
			checkPlaces(t, src, err)
			return
		}
		for _, e := range append(c.Entries, c.Ignored...) {
			if !strings.HasPrefix(at(src, e.Pos), e.Written) {
				t.Errorf("not at %v: %+v", e.Pos, e)
			}
			Nearest(e.Key)
			if _, _, err := parseMount(e.Value, e.Pos); err != nil {
				checkPlaces(t, src, err)
			}
		}
		c.Unknown()
		c.Nets()
		c.CapDropped("sys_boot")
		changes, err := r.changes(c.Entries)
		if err != nil || len(changes) > 1 || (len(changes) == 1) != (len(c.Legacy()) > 0) {
			t.Fatalf("%+v %v", changes, err)
		}
		if !bytes.Equal(src, original) {
			t.Fatal("the text was changed")
		}
		if len(changes) == 1 {
			checkChange(t, c, changes[0])
		}
	})
}

func checkChange(t *testing.T, before *Config, change Change) {
	after, err := Parse("f", change.New)
	if err != nil {
		t.Fatalf("migrated: %v\n%q", err, change.New)
	}
	if diff := cmp.Diff(short(without(before.Entries)), short(after.Entries)); diff != "" || len(after.Legacy()) > 0 {
		t.Errorf("migrated to something else: %s\n%q", diff, change.New)
	}
	if diff := cmp.Diff(before.Ignored, after.Ignored, cmpopts.IgnoreFields(Entry{}, "Pos")); diff != "" {
		t.Errorf("what was ignored before: %s", diff)
	}
	if n := strings.Count(change.Diff(), "\n-"); n < len(change.Lines) {
		t.Errorf("%d of %d lines in\n%s", n, len(change.Lines), change.Diff())
	}
}

// at is the text at a place, or something that nothing begins with.
func at(src []byte, p Pos) string {
	lines := bytes.Split(src, []byte("\n"))
	if p.Line < 1 || p.Line > len(lines) || p.Col < 1 || p.Col > len(lines[p.Line-1])+1 {
		return "\x00nowhere"
	}
	return string(lines[p.Line-1][p.Col-1:])
}

func checkPlaces(t *testing.T, src []byte, err error) {
	t.Helper()
	list := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined.Unwrap()
	}
	for _, err := range list {
		var e *Error
		if !errors.As(err, &e) || strings.HasPrefix(at(src, e.Pos), "\x00nowhere") {
			t.Errorf("no place in the text: %v", err)
		}
	}
}
