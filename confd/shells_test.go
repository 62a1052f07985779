package confd

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The shells that a conf.d file may meet: Debian's and Void's sh, Alpine's,
// Gentoo's and Arch's.
func shells() map[string][]string {
	return map[string][]string{
		"dash": {"dash"},
		"ash":  {"busybox", "ash"},
		"bash": {"bash", "--posix"},
	}
}

func presets() map[string]string {
	return map[string]string{"RC_SVCNAME": "qemu.web-1.example", "VM_NAME": "web-1.example"}
}

// shellCase is a list of files to be sourced one after the other.
type shellCase struct {
	files []string // their text
}

func (c shellCase) load() (*Config, error) {
	r := newReader(presets())
	for i, text := range c.files {
		if err := r.read(fmt.Sprintf("f%d", i), []byte(text)); err != nil {
			return nil, err
		}
	}
	return r.config(), nil
}

var anyName = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)

// candidates are all names that the files could have set, whatever we think.
func (c shellCase) candidates() []string {
	var names []string
	for _, text := range c.files {
		// A name may go on after a joined line, and a comment never does.
		text += "\n" + strings.ReplaceAll(text, "\\\n", "")
		for _, n := range anyName.FindAllString(text, -1) {
			if _, preset := presets()[n]; preset || !reserved(n) {
				names = append(names, n)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// runShell sources each case in a subshell of one process with nothing but the
// presets in its environment. The result per case is its exit status and, with
// a NUL after each, NAME=value of every candidate that is set.
func runShell(t *testing.T, argv []string, cases []shellCase) []string {
	t.Helper()
	if _, err := exec.LookPath(argv[0]); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed", argv[0])
		}
		t.Skipf("%s is not installed", argv[0])
	}
	dir := t.TempDir()
	var script bytes.Buffer
	for i, c := range cases {
		script.WriteString("(\n")
		for j, text := range c.files {
			file := filepath.Join(dir, fmt.Sprintf("%d.%d", i, j))
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&script, ". %s || exit 99\n", file)
		}
		for _, n := range c.candidates() {
			fmt.Fprintf(&script, "case ${%s+x} in x) printf '%%s\\0' \"%s=$%s\";; esac\n", n, n, n)
		}
		script.WriteString(")\nprintf 'status=%s\\0\\0' $?\n")
	}
	main := filepath.Join(dir, "main")
	if err := os.WriteFile(main, script.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], append(slices.Clone(argv[1:]), main)...)
	cmd.Dir = dir
	for name, text := range presets() {
		cmd.Env = append(cmd.Env, name+"="+text)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // the death signal comes with the thread's end
	defer runtime.UnlockOSThread()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", argv, err)
	}
	results := strings.Split(string(out), "\x00\x00")
	if len(results) != len(cases)+1 || results[len(cases)] != "" {
		t.Fatalf("%v: %d results for %d cases", argv, len(results)-1, len(cases))
	}
	return results[:len(cases)]
}

// asShell writes a Config as runShell has it.
func asShell(c *Config) string {
	var lines []string
	for _, v := range c.Values {
		lines = append(lines, v.Name+"="+v.Text)
	}
	return strings.Join(append(lines, "status=0"), "\x00")
}

// sorted brings the names of a shell's result into the order of ours.
func sorted(result string) string {
	lines := strings.Split(result, "\x00")
	slices.Sort(lines[:len(lines)-1])
	return strings.Join(lines, "\x00")
}

// compare runs the accepted cases in every shell and reports differences.
func compare(t *testing.T, cases []shellCase, configs []*Config) {
	t.Helper()
	for name, argv := range shells() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad := 0
			for i, got := range runShell(t, argv, cases) {
				want := sorted(asShell(configs[i]))
				// A preset that no file names is not among the candidates.
				got = sorted(withPresets(got, cases[i].candidates()))
				if got != want {
					if bad++; bad > 10 {
						t.Fatal("more than 10 differences")
					}
					t.Errorf("case %d\n%q\n%s says %q\nwe say   %q", i, cases[i].files, name, got, want)
				}
			}
		})
	}
}

func withPresets(result string, candidates []string) string {
	for name, text := range presets() {
		if !slices.Contains(candidates, name) {
			result = name + "=" + text + "\x00" + result
		}
	}
	return result
}
