package house

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/need"
)

// buildTime bounds the build of the program, from an empty cache on a slow
// machine.
const buildTime = 10 * time.Minute

// binary is the program as "make build" makes it.
type binary struct {
	path string
	info *buildinfo.BuildInfo
}

// build runs what the Makefile would run, but leaves bin/guestrc alone: other
// tests may be using it.
func build(t *testing.T) binary {
	t.Helper()
	need.Programs(t, "make", "sh")
	path := filepath.Join(t.TempDir(), "guestrc")
	const output = "-o bin/guestrc "
	recipe := run(t, "make", "--no-print-directory", "-n", "bin/guestrc")
	if strings.Count(recipe, output) != 1 {
		t.Fatalf("the Makefile has another way to make bin/guestrc than this test expects:\n%s", recipe)
	}
	run(t, "sh", "-ec", strings.Replace(recipe, output, "-o '"+path+"' ", 1))
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return binary{path, info}
}

// run runs a program at the module's root.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), buildTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL=") // we may run below make ourselves
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := lab.Start(t, cmd).Wait(ctx); err != nil {
		t.Fatalf("%s %q: %v\n%s%s", name, args, err, out.String(), complaints.String())
	}
	return out.String()
}

const maxBinary = 19 << 19 // bytes; doctor and linter took it from 8 MiB to 9 and a little

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
