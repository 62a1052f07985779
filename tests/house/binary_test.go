package house

import (
	"context"
	"debug/buildinfo"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// buildTime bounds the build of the program, from an empty cache on a slow
// machine.
const buildTime = 10 * time.Minute

// binary is the program as "make build" makes it.
type binary struct {
	path string
	info *buildinfo.BuildInfo
}

// build runs the Makefile's own rule.
func build(t *testing.T) binary {
	t.Helper()
	path := filepath.Join(t.TempDir(), "guestrc")
	ctx, cancel := context.WithTimeout(t.Context(), buildTime)
	defer cancel()
	runtime.LockOSThread() // the child dies with the thread that started it
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, "make", "--no-print-directory", "-C", root, "build", "BIN="+path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Env = append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make build: %v\n%s", err, out)
	}
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return binary{path, info}
}

const maxBinary = 6 << 20 // bytes

func TestBinaryIsSmall(t *testing.T) {
	st, err := os.Stat(build(t).path)
	if err != nil {
		t.Fatal(err)
	}
	if st.Size() > maxBinary {
		t.Errorf("the binary has %d bytes, more than %d: it is executed at every start, stop and status", st.Size(), maxBinary)
	}
	t.Logf("%.2f MiB", float64(st.Size())/(1<<20))
}

func TestBinaryIsStatic(t *testing.T) {
	f, err := elf.Open(build(t).path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the binary has a %v segment: one file must do for glibc, musl and an initramfs", p.Type)
		}
	}
	for _, s := range f.Sections {
		if s.Name == ".symtab" || strings.HasPrefix(s.Name, ".debug") {
			t.Errorf("the binary has a section %s: it is shipped stripped", s.Name)
		}
	}
}
