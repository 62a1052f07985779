package pid1

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Program is an executable file of a container.
type Program struct {
	Path    string // as asked for; of a script, that of its interpreter
	Class   byte   // 32 or 64 bits: Class32, Class64
	Machine uint16 // the sort of processor (e_machine)
	Script  bool   // it begins with #!, and the rest tells of its interpreter
}

// What elf(5) has in the first bytes of a program. Package debug/elf has it too,
// and would believe the sizes that follow.
const (
	elfMagic  = "\x7fELF"
	classAt   = 4 // EI_CLASS
	dataAt    = 5 // EI_DATA
	bigEndian = 2 // ELFDATA2MSB

	Class32 = 1
	Class64 = 2

	machine386 = 3
	machineARM = 40
)

var (
	errNotExecutable = errors.New("not executable")
	errNoProgram     = errors.New("neither a program nor a script")
)

// Executable looks at a program by a path of the container, following links
// inside. The error wraps fs.ErrNotExist when there is none, or no interpreter
// for the script that it is.
func (r *Root) Executable(name string) (Program, error) {
	p := Program{Path: name}
	const nesting = 5 // scripts that interpret scripts (execve(2))
	for range nesting {
		head, err := r.head(p.Path)
		if err != nil {
			if p.Script {
				err = fmt.Errorf("its interpreter: %w", err)
			}
			return Program{}, err
		}
		next, script := interpreter(head)
		if !script {
			return p.parseELF(head)
		}
		p.Path, p.Script = next, true
	}
	return Program{}, &os.PathError{Op: "read", Path: printable(name), Err: unix.ELOOP}
}

// headSize is what execve(2) looks at itself (BINPRM_BUF_SIZE).
const headSize = 256

// head reads the beginning of an executable file. The file's own mode decides,
// as it does for root inside.
func (r *Root) head(name string) ([]byte, error) {
	return inRoot(r, name, func(fd int) ([]byte, error) {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return nil, os.NewSyscallError("fstat", err)
		}
		if st.Mode&unix.S_IFMT == unix.S_IFREG && st.Mode&0o111 == 0 {
			return nil, errNotExecutable
		}
		return readRegular(fd, headSize, true)
	})
}

// interpreter reads the first line of a script.
func interpreter(head []byte) (path string, script bool) {
	rest, script := bytes.CutPrefix(head, []byte("#!"))
	if !script {
		return "", false
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	line, _, _ = bytes.Cut(line, []byte{0})
	fields := bytes.FieldsFunc(line, func(c rune) bool { return c == ' ' || c == '\t' })
	if len(fields) == 0 {
		return "", true
	}
	return string(fields[0]), true
}

// parseELF reads the first twenty bytes, which are the same for both classes
// (elf(5)).
func (p Program) parseELF(head []byte) (Program, error) {
	if len(head) < 20 || !bytes.HasPrefix(head, []byte(elfMagic)) {
		return Program{}, &os.PathError{Op: "read", Path: printable(p.Path), Err: errNoProgram}
	}
	var order binary.ByteOrder = binary.LittleEndian
	if head[dataAt] == bigEndian {
		order = binary.BigEndian
	}
	p.Class = head[classAt]
	p.Machine = order.Uint16(head[18:])
	return p, nil
}

// Personality is the lxc.arch that a program wants, when it is of the 32-bit
// variety of this machine's 64-bit processor: without it uname(2) names the
// latter, and what builds or installs inside goes by that.
func Personality(p Program) (arch string, ok bool) {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "", false
	}
	return personality(p, unix.ByteSliceToString(u.Machine[:]))
}

func personality(p Program, host string) (arch string, ok bool) {
	switch {
	case p.Class != Class32:
	case host == "x86_64" && p.Machine == machine386:
		return "i686", true
	case host == "aarch64" && p.Machine == machineARM:
		return "armv7l", true
	}
	return "", false
}
