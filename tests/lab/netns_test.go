package lab

import (
	"net"
	"os"
	"testing"
)

func TestNetNS(t *testing.T) {
	if os.Getenv(inNetNS) == "" {
		outside, err := os.Readlink("/proc/self/ns/net")
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("OUTSIDE_NETNS", outside)
	}
	for range 2 {
		t.Run("again", func(t *testing.T) {
			if !NetNS(t) {
				return
			}
			if ns, err := os.Readlink("/proc/self/ns/net"); err != nil || ns == os.Getenv("OUTSIDE_NETNS") {
				t.Errorf("still in %s (%v)", ns, err)
			}
			l, err := net.Listen("tcp", "127.0.0.1:22")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatalf("lo is not up: %v", err)
			}
			c.Close()
			if links, err := net.Interfaces(); err != nil || len(links) != 1 {
				t.Errorf("interfaces: %v (%v)", links, err)
			}
		})
	}
}

func TestNetNSReportsFailure(t *testing.T) {
	if os.Getenv(inNetNS) != "" {
		NetNS(t)
		t.Fatal("on purpose")
	}
	f := &recorder{T: t}
	f.run(func() { NetNS(f) })
	if !f.failed {
		t.Error("a failure inside was not taken over")
	}
}

// recorder notes Fatalf instead of failing.
type recorder struct {
	T
	failed bool
}

func (r *recorder) Fatalf(string, ...any) { r.failed = true; panic(r) }

func (r *recorder) run(f func()) {
	defer func() {
		if p := recover(); p != nil && p != any(r) {
			panic(p)
		}
	}()
	f()
}
