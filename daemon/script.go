package daemon

import (
	"bytes"
	"io"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
)

// maxLine is how much of a script's first line the kernel reads
// (BINPRM_BUF_SIZE, include/uapi/linux/binfmts.h).
const maxLine = 256

// maxCmdline is what execve(2) can pass at most.
const maxCmdline = 6 << 20

// interprets reports whether the process is the interpreter that runs the
// script: the one that its first line asks for, called by its own name, with the
// script as first operand. So an editor or a tail(1) of the script is not it,
// busybox's neither.
func interprets(p *pidfile.Process, script string) (interpreter string, ok bool, err error) {
	candidates := interpretersOf(script)
	for _, c := range candidates {
		_, runs, err := p.Runs(c)
		if err != nil {
			return "", false, err
		}
		if !runs {
			continue
		}
		text, err := p.ReadProc("cmdline", maxCmdline)
		if err != nil {
			return "", false, err
		}
		operand, called := scriptOperand(text)
		if path.Base(called) == path.Base(c) && isScript(p, operand, script) {
			return c, true, nil
		}
	}
	return "", false, nil
}

// isScript compares the operand as text, so that a script that has been replaced
// is known still, and else the files.
func isScript(p *pidfile.Process, operand, script string) bool {
	if operand == "" {
		return false
	}
	if operand == script {
		return true
	}
	name := "root" + operand
	if !path.IsAbs(operand) {
		name = "cwd/" + operand
	}
	theirs, err := p.StatProc(name)
	var st unix.Stat_t
	return err == nil && unix.Stat(script, &st) == nil && st.Dev == theirs.Dev && st.Ino == theirs.Ino
}

// scriptOperand gives the first operand after options, and the name that the
// process was called by. What takes a value as a word of its own hides the
// script, and then it is not recognised.
func scriptOperand(cmdline []byte) (operand, called string) {
	items := strings.Split(string(bytes.TrimSuffix(cmdline, []byte{0})), "\x00")
	for _, item := range items[1:] {
		if !strings.HasPrefix(item, "-") {
			return item, items[0]
		}
		if !strings.HasPrefix(item, "--") && strings.HasSuffix(item, "c") { // as in sh -ec: commands follow
			return "", items[0]
		}
	}
	return "", items[0]
}

// interpretersOf reads the script's first line, and gives the paths that its
// interpreter may have: several where env(1) looks for it.
func interpretersOf(script string) []string {
	fd, err := unix.Open(script, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	f := os.NewFile(uintptr(fd), script)
	defer f.Close()
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil
	}
	head, err := io.ReadAll(io.LimitReader(f, maxLine))
	if err != nil {
		return nil
	}
	return parseHashbang(head)
}

func parseHashbang(head []byte) []string {
	line, ok := bytes.CutPrefix(head, []byte("#!"))
	if !ok {
		return nil
	}
	line, _, _ = bytes.Cut(line, []byte("\n"))
	words := strings.Fields(string(line))
	if len(words) == 0 || !path.IsAbs(words[0]) || bytes.ContainsRune(line, 0) {
		return nil
	}
	if path.Base(words[0]) != "env" {
		return words[:1]
	}
	for _, word := range words[1:] {
		switch {
		case strings.HasPrefix(word, "-"), strings.Contains(word, "="):
		case path.IsAbs(word):
			return []string{word}
		case strings.Contains(word, "/"):
			return nil
		default:
			var paths []string
			for _, dir := range []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"} {
				paths = append(paths, dir+"/"+word)
			}
			return paths
		}
	}
	return nil
}
