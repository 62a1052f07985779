package pid1

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// recorded has the form of the kernel's text and the sets of systemd 252; the
// rest is made up.
const recorded = "Name:\tsystemd\nUmask:\t0000\nState:\tS (sleeping)\nTgid:\t4711\nPid:\t4711\nPPid:\t4700\n" +
	"Uid:\t100000\t100001\t100000\t100000\nGid:\t100000\t100002\t100000\t100000\nNStgid:\t4711\t1\nNSpid:\t4711\t1\n" +
	"SigQ:\t0/96365\nSigPnd:\t0000000000000001\nShdPnd:\t0000002000000000\nSigBlk:\t7fe3c0fe28014a03\nSigIgn:\t0000000000001000\n" +
	"SigCgt:\t00000000000004ec\nCapInh:\t0000000000000000\nCapPrm:\t0000000000400000\nCapEff:\t0000000000400000\n"

func TestStatusIsRead(t *testing.T) {
	s, err := parseStatus(recorded)
	if err != nil {
		t.Fatal(err)
	}
	if s.uid != 100001 || s.gid != 100002 || s.depth != 2 || s.inner != 1 {
		t.Errorf("got %+v", s)
	}
	i := Init{status: s}
	if !i.own() || !i.MayReboot() || !i.hears(38) || i.hears(unix.SIGPIPE) || !s.pending.hasAll(unix.SIGHUP, 38) {
		t.Errorf("got %+v", s)
	}
}

func TestOwnStatusIsNoInit(t *testing.T) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	s, err := parseStatus(string(text))
	if err != nil || (Init{status: s}).own() {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestBadStatusIsRefused(t *testing.T) {
	for _, bad := range []string{
		"", "SigCgt", strings.Replace(recorded, "SigBlk", "SigBlq", 1), strings.Replace(recorded, "7fe3", "xyz", 1),
		strings.Replace(recorded, "\t100002\t", "\t-1\t", 1), strings.Replace(recorded, "NSpid:\t4711\t1", "NSpid:\t4711\tx", 1),
		strings.Replace(recorded, "NSpid:\t4711\t1", "NSpid:", 1), strings.Replace(recorded, "Uid:\t100000", "Uid:", 1),
	} {
		if s, err := parseStatus(bad); err == nil {
			t.Errorf("%q was taken: %+v", bad, s)
		}
	}
}

func FuzzStatus(f *testing.F) {
	f.Add(recorded)
	f.Add("NSpid:\nSigCgt:\t1 2\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseStatus(text)
		if err == nil && s.depth < 1 {
			t.Errorf("depth %d", s.depth)
		}
		if err != nil && s != (status{}) {
			t.Errorf("an error and %+v", s)
		}
	})
}
