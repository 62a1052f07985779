package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/need"
)

// completions are command lines, each cut off where the user presses Tab, and
// what every shell must offer. ROOT stands for a tree with guests, which
// GUESTRC_ROOT names too unless the line has --root.
var completions = []struct {
	line string
	want []string
}{
	{"guestrc st", []string{"start", "status", "stop"}},
	{"guestrc --root ROOT res", []string{"reset", "restart"}},
	{"guestrc stop ", []string{"qemu.db", "qemu.web"}},
	{"guestrc stop qemu.d", []string{"qemu.db"}},
	{"guestrc stop qemu.db qemu.w", []string{"qemu.web"}},
	{"guestrc --root ROOT plan qemu.", []string{"qemu.db", "qemu.web"}},
	{"guestrc --root=ROOT plan qemu.", []string{"qemu.db", "qemu.web"}},
	{"guestrc status --root ROOT qemu.w", []string{"qemu.web"}},
	{"guestrc status --j", []string{"--json"}},
	{"guestrc vars --s", []string{"--sample"}},
	{"guestrc start --r", []string{"--root"}},
	{"guestrc vars ", []string{"guestrc", "lxc", "net", "qemu"}},
	{"guestrc help vers", []string{"version"}},
	{"guestrc completion ", []string{"bash", "fish", "zsh"}},
	{"guestrc list qemu.", nil},
}

// testCompletion runs complete on every line.
func testCompletion(t *testing.T, complete func(t *testing.T, line string, env []string) []string) {
	root := t.TempDir()
	for _, name := range []string{"qemu", "qemu.db", "qemu.web", "foreign.x", "not a guest"} {
		file := filepath.Join(root, "etc/conf.d", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range completions {
		t.Run(c.line, func(t *testing.T) {
			env := append(os.Environ(), "GUESTRC_ROOT="+root, "HOME="+t.TempDir(), "TERM=xterm", "XDG_CONFIG_HOME=", "XDG_DATA_HOME=")
			line := strings.ReplaceAll(c.line, "ROOT", root)
			if line != c.line {
				env = append(env, "GUESTRC_ROOT=/nonexistent")
			}
			got := complete(t, line, env)
			slices.Sort(got)
			if !slices.Equal(got, c.want) {
				t.Errorf("%s: offered %q, want %q", c.line, got, c.want)
			}
		})
	}
}

// output runs a program, which must succeed, and returns the lines it prints.
func output(t *testing.T, env []string, argv ...string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = env
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := lab.Start(t, cmd).Wait(ctx); err != nil || complaints.Len() > 0 {
		t.Fatalf("%s: %v\n%s%s", argv[0], err, out.String(), complaints.String())
	}
	var lines []string
	for line := range strings.Lines(out.String()) {
		lines = append(lines, strings.TrimSuffix(line, "\n"))
	}
	return lines
}

// bash splits a line at blanks and at COMP_WORDBREAKS, which has the equals
// sign.
func TestBashCompletes(t *testing.T) {
	need.Programs(t, "bash")
	const driver = `
. <(guestrc completion bash)
complete -p guestrc >/dev/null || exit
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_guestrc
[ ${#COMPREPLY[@]} = 0 ] || printf '%s\n' "${COMPREPLY[@]}"
`
	testCompletion(t, func(t *testing.T, line string, env []string) []string {
		words := strings.Split(strings.ReplaceAll(line, "=", " = "), " ")
		return output(t, env, append([]string{"bash", "--norc", "--noprofile", "-uc", driver, "bash"}, words...)...)
	})
}

func TestFishCompletes(t *testing.T) {
	need.Programs(t, "fish")
	testCompletion(t, func(t *testing.T, line string, env []string) []string {
		var words []string
		for _, offer := range output(t, env, "fish", "--no-config", "-c", "guestrc completion fish | source; complete -C $argv", line) {
			word, _, _ := strings.Cut(offer, "\t")
			words = append(words, word)
		}
		return words
	})
}

// zshrc completes $LINE in the line editor of an interactive shell as soon as
// that is ready, then exits. What the completion system adds goes to $OFFERS.
const zshrc = `
autoload -Uz compinit && compinit -u -D
case $INSTALLED in
'') . <(guestrc completion zsh) ;;
esac
compadd() {
	local -a fits
	if [[ ${(j: :)@[1,(i)-(|-)]} != *-[OAD]* ]]; then
		builtin compadd -O fits "$@"
		print -rl -- $fits >>$OFFERS
	fi
	builtin compadd "$@"
}
zle-line-init() {
	BUFFER=$LINE
	CURSOR=$#BUFFER
	zle complete-word
	exit 0
}
zle -N zle-line-init
`

func zshComplete(t *testing.T, line string, env []string) []string {
	t.Helper()
	dir := t.TempDir()
	offers := filepath.Join(dir, "offers")
	if err := os.WriteFile(filepath.Join(dir, ".zshrc"), []byte(zshrc), 0o644); err != nil {
		t.Fatal(err)
	}
	env = append(env, "ZDOTDIR="+dir, "LINE="+line, "OFFERS="+offers)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "script", "-qec", "zsh -i", "/dev/null") // on a terminal of its own
	cmd.Env = env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := lab.Start(t, cmd).Wait(ctx); err != nil {
		t.Fatalf("zsh: %v\n%s", err, out.String())
	}
	text, err := os.ReadFile(offers)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return slices.Compact(strings.Fields(string(text)))
}

func TestZshCompletes(t *testing.T) {
	need.Programs(t, "zsh", "script")
	testCompletion(t, zshComplete)
}

// TestZshFindsItsFunction installs the script as a package does: as _guestrc in
// a directory of $fpath.
func TestZshFindsItsFunction(t *testing.T) {
	need.Programs(t, "zsh", "script")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "_guestrc"), []byte(zshCompletion()), 0o644); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "INSTALLED=yes", "FPATH="+dir+":"+strings.Join(output(t, os.Environ(), "zsh", "-fc", "print -r $FPATH"), ""))
	if got := zshComplete(t, "guestrc vers", env); !slices.Equal(got, []string{"version"}) {
		t.Errorf("offered %q", got)
	}
}
