package tinyguest

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/guestrc/guestrc/tests/newc"
)

// What the guest needs; what a kernel has built in need not be a module.
var (
	required = []string{"button", "evdev", "virtio_pci", "virtio_net", "virtio_blk", "virtio_console"}
	wanted   = []string{"pvpanic-mmio", "pvpanic-pci", "virtio-rng"} // pvpanic tells QEMU of a panic
)

// module is one file and its name, where - and _ are the same.
type module struct {
	name string
	path string
}

// loadOrder lists the modules that must be loaded, more among them, each after
// those it needs.
func (k kernel) loadOrder(ctx context.Context, more ...string) ([]module, error) {
	files, err := k.files()
	if err != nil {
		return nil, err
	}
	var order []module
	var visit func(name string) error
	visit = func(name string) error {
		path, ok := files[name]
		switch {
		case !ok:
			return fmt.Errorf("it has no module %s", name)
		case path == "" || slices.ContainsFunc(order, func(m module) bool { return m.name == name }):
			return nil
		}
		needs, err := dependsOn(ctx, path)
		if err != nil {
			return err
		}
		for _, n := range needs {
			if err := visit(n); err != nil {
				return err
			}
		}
		order = append(order, module{name, path})
		return nil
	}
	for _, name := range slices.Concat(required, more) {
		if err := visit(name); err != nil {
			return nil, err
		}
	}
	for _, name := range wanted {
		if name = plain(name); files[name] != "" {
			if err := visit(name); err != nil {
				return nil, err
			}
		}
	}
	return order, nil
}

// files maps module names to files, and built-in ones to the empty string.
func (k kernel) files() (map[string]string, error) {
	found := map[string]string{}
	builtin, err := os.ReadFile(filepath.Join(k.modules, "modules.builtin"))
	if err != nil {
		return nil, fmt.Errorf("its modules are missing: %w", err)
	}
	for line := range strings.Lines(string(builtin)) {
		found[moduleName(strings.TrimSpace(line))] = ""
	}
	err = filepath.WalkDir(k.modules, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.Contains(d.Name(), ".ko") {
			found[moduleName(path)] = path
		}
		return err
	})
	return found, err
}

func moduleName(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".ko")
	return plain(name)
}

func plain(name string) string { return strings.ReplaceAll(name, "-", "_") }

// dependsOn reads the line "depends=a,b" of a module's .modinfo section. The
// package of a kernel has no modules.dep (depmod makes that at installation),
// and this is what it would be made from.
func dependsOn(ctx context.Context, path string) ([]string, error) {
	content, err := readModule(ctx, path)
	if err != nil {
		return nil, err
	}
	f, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("cannot read module %s: %w", path, err)
	}
	section := f.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("cannot read module %s: it has no .modinfo", path)
	}
	info, err := section.Data()
	if err != nil {
		return nil, fmt.Errorf("cannot read module %s: %w", path, err)
	}
	for line := range strings.SplitSeq(string(info), "\x00") {
		if list, ok := strings.CutPrefix(line, "depends="); ok && list != "" {
			return strings.Split(plain(list), ","), nil
		}
	}
	return nil, nil
}

// readModule uncompresses as the file's name says.
func readModule(ctx context.Context, path string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read a module: %w", err)
	}
	var tool string
	switch filepath.Ext(path) {
	case ".ko":
		return content, nil
	case ".xz":
		tool = "xz"
	case ".zst":
		tool = "zstd"
	case ".gz":
		tool = "gzip"
	default:
		return nil, fmt.Errorf("cannot read module %s: unknown compression", path)
	}
	runtime.LockOSThread() // Pdeathsig is about the thread that starts the process
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, tool, "-dc")
	cmd.Stdin = bytes.NewReader(content)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("cannot uncompress module %s: %w", path, err)
	}
	return out, nil
}

// addModules numbers the modules: init loads them by name.
func (k kernel) addModules(ctx context.Context, w *newc.Writer, more []string) error {
	order, err := k.loadOrder(ctx, more...)
	if err != nil {
		return err
	}
	if err := w.Dir("modules", 0o755); err != nil {
		return err
	}
	for i, m := range order {
		content, err := readModule(ctx, m.path)
		if err != nil {
			return err
		}
		if err := w.File(fmt.Sprintf("modules/%02d-%s.ko", i, m.name), 0o644, content); err != nil {
			return err
		}
	}
	return nil
}
