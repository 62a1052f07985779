package pidfile

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// Expect is what must hold of a process, besides what the kernel attests, for
// it to be adopted as ours. The zero value fits nothing.
type Expect struct {
	// Exe is the path that the binary was started from. While the file exists,
	// device and inode must agree; after an upgrade replaced or removed it, the
	// text of /proc/PID/exe must be that path and " (deleted)".
	Exe string

	// Arg are consecutive items of the command line, for example
	// "-pidfile", "/run/guestrc/qemu.db/pid".
	Arg []string
}

// maxCmdline is what execve(2) can pass at most: 6 MiB on Linux.
const maxCmdline = 6 << 20

// mismatch says what of want does not hold of the process, "" when all does.
// The process must be held by a pidfd and asked afterwards whether it ended.
func (want Expect) mismatch(pid int) string {
	if want.empty() {
		return "nothing is known to recognise the guest's process by"
	}
	if want.Exe != "" {
		if text, ok := want.runs(pid); !ok {
			return fmt.Sprintf("it runs %s instead of %s", orUnknown(text), want.Exe)
		}
	}
	if len(want.Arg) > 0 {
		line, err := readProc(fmt.Sprintf("/proc/%d/cmdline", pid), maxCmdline)
		if err != nil {
			return "its command line cannot be read"
		}
		if !hasArgs(line, want.Arg) {
			return fmt.Sprintf("its command line has no %q", want.Arg)
		}
	}
	return ""
}

func (want Expect) empty() bool { return want.Exe == "" && len(want.Arg) == 0 }

// runs reports whether the process runs want.Exe, and what it runs.
func (want Expect) runs(pid int) (text string, ok bool) {
	text, dev, ino := exeOf(pid)
	if text == "" {
		return "", false
	}
	var st unix.Stat_t
	if unix.Stat(want.Exe, &st) == nil && uint64(st.Dev) == dev && st.Ino == ino {
		return text, true
	}
	return text, slices.Contains(deletedTexts(want.Exe), text)
}

// deletedTexts is what /proc/PID/exe (proc_pid_exe(5)) can say of a file that
// was started as path and has been unlinked or replaced since.
func deletedTexts(path string) []string {
	const mark = " (deleted)"
	return []string{path + mark, finalPath(path) + mark}
}

// finalPath follows links as far as they lead; the file at the end may be gone.
func finalPath(path string) string {
	for range 40 { // the kernel's own limit (path_resolution(7))
		dir, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err != nil {
			break
		}
		path = filepath.Join(dir, filepath.Base(path))
		target, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(dir, target)
		}
		path = target
	}
	return path
}

// hasArgs reports whether the NUL-terminated items of a /proc/PID/cmdline hold
// want, consecutively.
func hasArgs(cmdline []byte, want []string) bool {
	items := bytes.Split(bytes.TrimSuffix(cmdline, []byte{0}), []byte{0})
	for ; len(items) >= len(want); items = items[1:] {
		if slices.EqualFunc(items[:len(want)], want, func(have []byte, want string) bool { return string(have) == want }) {
			return true
		}
	}
	return false
}

func orUnknown(text string) string {
	if text == "" {
		return "something that cannot be read"
	}
	return text
}
