package pid1

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/need"
	"github.com/guestrc/guestrc/tests/rootfs"
)

// tooLong is what no hostile file may cost.
const tooLong = 250 * time.Millisecond

const secret = "GUESTRC-HOST-SECRET"

// hostile is a rootfs, and beside it a secret that is the host's.
type hostile struct {
	t       *testing.T
	in, out string
	names   []string // what to ask for
}

func (h *hostile) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *hostile) link(name, target string) {
	path := filepath.Join(h.in, name)
	h.must(os.MkdirAll(filepath.Dir(path), 0o755))
	h.must(os.Symlink(target, path))
	h.names = append(h.names, "/"+name)
}

func makeHostile(t *testing.T) *hostile {
	need.Root(t)
	dir := t.TempDir()
	h := &hostile{t: t, in: filepath.Join(dir, "rootfs"), out: filepath.Join(dir, "host")}
	h.must(errors.Join(os.Mkdir(h.in, 0o755), os.Mkdir(h.out, 0o755), os.WriteFile(h.out+"/secret", []byte("#!"+secret+"\n"+secret), 0o755)))
	h.links()
	h.files()
	return h
}

// links are all ways to a target that lead out of the root, were they followed.
func (h *hostile) links() {
	fd, err := os.Open(h.out)
	h.must(err)
	h.t.Cleanup(func() { fd.Close() })
	host := h.out + "/secret"
	up := func(n int) string { return strings.Repeat("../", n) }
	targets := []string{host, up(1) + "host/secret", up(40) + host[1:], "/" + up(9) + host[1:], up(300) + host[1:],
		"/proc/self/root" + host, "/proc/1/root" + host, "/proc/thread-self/root" + host, "/proc/self/cwd/" + up(30) + host[1:],
		fmt.Sprintf("/proc/self/fd/%d/secret", fd.Fd()), fmt.Sprintf("/proc/%d/root%s", os.Getpid(), host), "/dev/fd/0", "/dev/stdin",
		"/dev/zero", "/dev/random", "/dev/kmsg", "/dev/watchdog", "/proc/kmsg", "/sys/kernel/debug", "\x1b]0;title\a", "/etc//./" + up(4) + host,
		strings.Repeat("a", 4000), "."}
	shapes := []func(n int, target string){
		func(n int, target string) { h.link(fmt.Sprintf("direct/%d", n), target) },
		func(n int, target string) { h.link(fmt.Sprintf("a/b/c/d/%d", n), target) },
		func(n int, target string) { // the link is on the way
			h.link(fmt.Sprintf("way/%d", n), filepath.Dir(target))
			h.names = append(h.names, fmt.Sprintf("/way/%d/%s", n, filepath.Base(target)))
		},
		func(n int, target string) { // a chain
			h.link(fmt.Sprintf("chain/%d-1", n), target)
			h.link(fmt.Sprintf("chain/%d-2", n), fmt.Sprintf("../chain/%d-1", n))
			h.link(fmt.Sprintf("chain/%d-3", n), fmt.Sprintf("/chain/%d-2", n))
		},
		func(_ int, target string) { h.names = append(h.names, target, "/"+target, "direct/"+target) }, // as asked
	}
	for n, target := range targets {
		for _, shape := range shapes {
			shape(n, target)
		}
	}
	h.link("loop", "loop")
	h.link("ping", "pong")
	h.link("pong", "ping")
	for n := range 60 { // more than the kernel follows
		h.link(fmt.Sprintf("long/%d", n), fmt.Sprintf("%d", n+1))
	}
}

// files are of the wrong sort or size.
func (h *hostile) files() {
	node := func(name string, mode uint32, dev uint64) {
		h.must(unix.Mknod(filepath.Join(h.in, name), mode, int(dev)))
		h.must(os.Chmod(filepath.Join(h.in, name), 0o755))
		h.names = append(h.names, "/"+name)
	}
	node("fifo", unix.S_IFIFO, 0)
	node("socket", unix.S_IFSOCK, 0)
	for n, dev := range []uint64{unix.Mkdev(1, 5), unix.Mkdev(1, 8), unix.Mkdev(5, 0), unix.Mkdev(10, 130), unix.Mkdev(4, 64)} {
		node(fmt.Sprintf("char%d", n), unix.S_IFCHR, dev)
	}
	for n, dev := range []uint64{unix.Mkdev(2, 0), unix.Mkdev(7, 0), unix.Mkdev(254, 0), unix.Mkdev(8, 0)} {
		node(fmt.Sprintf("block%d", n), unix.S_IFBLK, dev)
	}
	h.must(os.WriteFile(h.in+"/sparse", nil, 0o755))
	h.must(os.Truncate(h.in+"/sparse", 10<<30))
	h.must(os.WriteFile(h.in+"/\x1b[2J\n\a", []byte("#!/\x1b[2J\n"), 0o755))
	deep := strings.Repeat("/d", 400)
	h.must(os.MkdirAll(h.in+deep, 0o755))
	h.must(os.WriteFile(h.in+"/leased", []byte("x"), 0o755))
	f, err := os.OpenFile(h.in+"/leased", os.O_RDWR, 0)
	h.must(err)
	h.t.Cleanup(func() { f.Close() })
	_, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK)
	h.must(err)
	h.must(os.WriteFile(h.in+"/self", []byte("#!/self\n"), 0o755))
	h.must(os.WriteFile(h.in+"/out", []byte("#! "+h.out+"/secret\n"), 0o755))
	h.must(os.WriteFile(h.in+"/nothing", []byte("#!"), 0o755))
	h.names = append(h.names, "", "/", ".", "..", "/..", "/sparse", "/\x1b[2J\n\a", deep, deep+"/x", deep+strings.Repeat("/..", 500)+h.out+"/secret",
		"/leased", "/self", "/out", "/nothing", "a\x00b", strings.Repeat("/x", 3000), "/fifo/x", "/direct/\x1b[31m")
}

func TestHostileRootfs(t *testing.T) {
	h := makeHostile(t)
	if len(h.names) < 200 {
		t.Fatalf("%d cases are not many", len(h.names))
	}
	root, err := OpenRoot(h.in)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, name := range h.names {
		began := time.Now()
		text, errRead := root.ReadFile(name, maxFile)
		p, errProgram := root.Executable(name)
		same, errSame := root.SameFile(name, []string{h.out + "/secret", h.out, "/", "/dev"})
		_, errExists := root.Exists(name)
		if took := time.Since(began); took > tooLong {
			t.Errorf("%.60q took %s", name, took)
		}
		if strings.Contains(string(text), secret) || strings.Contains(p.Path, secret) || same != "" {
			t.Errorf("%.60q led outside: %q, %+v, %q", name, text, p, same)
		}
		for _, err := range []error{errRead, errProgram, errSame, errExists} {
			if err != nil && (strings.ContainsAny(err.Error(), "\x1b\a\n\x00") || strings.Contains(err.Error(), secret)) {
				t.Errorf("%.60q: the error would reach a terminal: %q", name, err)
			}
		}
		if errProgram == nil || errRead == nil && !strings.HasPrefix(string(text), "#!") {
			t.Errorf("%.60q: was read: %q, %+v", name, text, p)
		}
	}
	t.Logf("%d cases", len(h.names))
}

// One thread swaps a directory and a link to one of the host, the other reads.
func TestHostileRootfsThatChanges(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "rootfs"), filepath.Join(dir, "host")
	for _, err := range []error{os.MkdirAll(in+"/d", 0o755), os.Mkdir(out, 0o755), os.WriteFile(in+"/d/file", []byte("inside"), 0o755),
		os.WriteFile(out+"/file", []byte(secret), 0o755), os.Symlink(out, in+"/link"), os.Symlink("../host/file", in+"/flink"), os.WriteFile(in+"/file", []byte("inside"), 0o755)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	root, err := OpenRoot(in)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	var stop atomic.Bool
	var swaps atomic.Int64
	done := make(chan error, 1)
	go func() {
		var err error
		for !stop.Load() && err == nil {
			err = errors.Join(unix.Renameat2(unix.AT_FDCWD, in+"/d", unix.AT_FDCWD, in+"/link", unix.RENAME_EXCHANGE),
				unix.Renameat2(unix.AT_FDCWD, in+"/file", unix.AT_FDCWD, in+"/flink", unix.RENAME_EXCHANGE))
			swaps.Add(1)
		}
		done <- err
	}()
	const reads = 20000
	good := 0
	var longest time.Duration
	for n := range reads {
		began := time.Now()
		text, err := root.ReadFile([]string{"/d/file", "/file", "d/../d/file"}[n%3], 100)
		longest = max(longest, time.Since(began))
		switch {
		case err == nil && string(text) == "inside":
			good++
		case err == nil:
			t.Fatalf("read %q", text)
		case !absent(err) && !errors.Is(err, unix.EAGAIN):
			t.Fatal(err)
		}
	}
	stop.Store(true)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	t.Logf("%d of %d reads found the file, in %d swaps; the longest took %s", good, reads, swaps.Load(), longest)
	if good == 0 || good == reads || swaps.Load() < 1000 || longest > tooLong {
		t.Error("that was no race, or too slow")
	}
}

// The magic links are there when /proc is.
func TestMagicLinksAreNotFollowed(t *testing.T) {
	root, err := OpenRoot("/")
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, name := range []string{"/proc/self/root/etc/passwd", "/proc/1/root/etc/passwd", "/proc/self/cwd/root_test.go", "/proc/self/fd/0", "/proc/self/exe"} {
		if _, err := root.ReadFile(name, 100); !errors.Is(err, unix.ELOOP) && !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: %v, want ELOOP", name, err)
		}
	}
	for _, name := range []string{"/proc/kmsg", "/proc/self/environ", "/proc/version", "/sys/kernel/uevent_seqnum"} {
		if text, err := root.ReadFile(name, 100); !errors.Is(err, errKernelMade) {
			t.Errorf("%s: %q, %v, want a refusal", name, text, err)
		}
	}
}

func TestWhatHangsIsGivenUp(t *testing.T) {
	never := make(chan struct{})
	defer close(never)
	began := time.Now()
	_, err := within(20*time.Millisecond, func() (int, error) { <-never; return 1, nil })
	if took := time.Since(began); !errors.Is(err, errSlow) || took > tooLong {
		t.Errorf("got %v after %s", err, took)
	}
}

func TestFilesAreRead(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int{"empty": 0, "small": 10, "most": maxFile, "large": maxFile + 1} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	root, err := OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name      string
		limit     int
		size      int
		err       error
		forgotten bool
	}{
		{"empty", 10, 0, nil, false}, {"small", 10, 10, nil, false}, {"small", 9, 0, errTooLong, false}, {"/../small", 1 << 30, 10, nil, false},
		{"most", 1 << 30, maxFile, nil, false}, {"large", 1 << 30, 0, errTooLong, false}, {"none", 1, 0, fs.ErrNotExist, false}, {"/", 1, 0, errNotRegular, false},
	} {
		text, err := root.ReadFile(test.name, test.limit)
		if len(text) != test.size || !errors.Is(err, test.err) {
			t.Errorf("ReadFile(%s, %d) = %d bytes, %v", test.name, test.limit, len(text), err)
		}
	}
	if same, err := root.SameFile("/small", []string{"/no/such", filepath.Join(dir, "empty"), filepath.Join(dir, "small")}); err != nil || filepath.Base(same) != "small" {
		t.Errorf("SameFile = %q, %v", same, err)
	}
	if ok, err := root.Exists("small"); !ok || err != nil {
		t.Errorf("Exists(small) = %t, %v", ok, err)
	}
	if ok, err := root.Exists("small/none"); ok || err != nil {
		t.Errorf("Exists(small/none) = %t, %v", ok, err)
	}
	if err := root.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := root.ReadFile("small", 10); err == nil {
		t.Error("a closed root was read")
	}
}

func TestExecutable(t *testing.T) {
	dir := t.TempDir()
	header := func(class elf.Class, data elf.Data, machine elf.Machine) string { // a fake: it has no program behind it
		h := make([]byte, 20)
		copy(h, elf.ELFMAG)
		h[elf.EI_CLASS], h[elf.EI_DATA] = byte(class), byte(data)
		h[18], h[19] = byte(machine), byte(machine>>8)
		if data == elf.ELFDATA2MSB {
			h[18], h[19] = h[19], h[18]
		}
		return string(h)
	}
	for name, content := range map[string]string{
		"x86": header(elf.ELFCLASS32, elf.ELFDATA2LSB, elf.EM_386), "arm": header(elf.ELFCLASS32, elf.ELFDATA2LSB, elf.EM_ARM),
		"s390": header(elf.ELFCLASS64, elf.ELFDATA2MSB, elf.EM_S390), "script": "#! /x86 -e\nexit\n", "nested": "#!/script\t-x", "lost": "#!/none\n",
		"text": "hello", "short": elf.ELFMAG,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.WriteFile(dir+"/plain", []byte("#!/x86\n"), 0o644), os.Symlink("/x86", dir+"/link")); err != nil {
		t.Fatal(err)
	}
	root, err := OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	x86 := Program{Path: "/x86", Class: Class32, Machine: uint16(elf.EM_386)}
	interpreted := x86
	interpreted.Script = true
	for _, test := range []struct {
		name string
		want Program
		err  error
	}{
		{"/x86", x86, nil},
		{"/link", Program{"/link", Class32, uint16(elf.EM_386), false}, nil},
		{"/arm", Program{"/arm", Class32, uint16(elf.EM_ARM), false}, nil},
		{"/s390", Program{"/s390", Class64, uint16(elf.EM_S390), false}, nil},
		{"/script", interpreted, nil},
		{"/nested", interpreted, nil},
		{"/lost", Program{}, fs.ErrNotExist},
		{"/none", Program{}, fs.ErrNotExist},
		{"/plain", Program{}, errNotExecutable},
		{"/text", Program{}, errNoProgram},
		{"/short", Program{}, errNoProgram},
	} {
		if got, err := root.Executable(test.name); got != test.want || !errors.Is(err, test.err) {
			t.Errorf("Executable(%s) = %+v, %v; want %+v, %v", test.name, got, err, test.want, test.err)
		}
	}
}

func TestPersonality(t *testing.T) {
	for _, test := range []struct {
		Program
		host, want string
	}{
		{Program{Class: Class32, Machine: uint16(elf.EM_386)}, "x86_64", "i686"},
		{Program{Class: Class32, Machine: uint16(elf.EM_386)}, "i686", ""},
		{Program{Class: Class32, Machine: uint16(elf.EM_ARM)}, "aarch64", "armv7l"},
		{Program{Class: Class32, Machine: uint16(elf.EM_ARM)}, "x86_64", ""},
		{Program{Class: Class64, Machine: uint16(elf.EM_X86_64)}, "x86_64", ""},
		{Program{Class: Class32, Machine: uint16(elf.EM_X86_64)}, "x86_64", ""}, // x32
		{Program{}, "x86_64", ""},
	} {
		if got, ok := personality(test.Program, test.host); got != test.want || ok != (test.want != "") {
			t.Errorf("%+v on %s: %q, %t", test.Program, test.host, got, ok)
		}
	}
}

func TestPersonalityOfARealProgram(t *testing.T) {
	c := rootfs.Make(t, rootfs.Handler32)
	root, err := OpenRoot(c.Rootfs)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for name, want := range map[string]string{"/usr/bin/handler": "i686", "/bin/busybox": ""} {
		p, err := root.Executable(name)
		if got, _ := Personality(p); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
}
