package qemu

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
)

// probeTime bounds "qemu-system-ARCH -help", which takes 20 ms.
const probeTime = 10 * time.Second

// probed is one program's answer, and which program gave it: an upgrade
// changes the inode or the time, and asks anew.
type probed struct {
	Path     string   `json:"path"`
	Dev      uint64   `json:"dev"`
	Ino      uint64   `json:"ino"`
	MTime    int64    `json:"mtime"` // ns since the epoch
	CTime    int64    `json:"ctime"`
	Size     int64    `json:"size"`
	Features Features `json:"features"`
}

// probeFeatures asks a QEMU program what it understands, once: the answer is
// kept in cacheDir. A cache that cannot be read or written costs time only.
func probeFeatures(ctx context.Context, cacheDir, path string) (Features, error) {
	want, err := identify(path)
	if err != nil {
		return Features{}, err
	}
	file := filepath.Join(cacheDir, fmt.Sprintf("qemu-%x.json", sha256.Sum256([]byte(path))))
	if known, ok := readProbed(file); ok {
		want.Features = known.Features
		if known == want && known.Features.Version != "" {
			return known.Features, nil
		}
	}
	if guest.OnlyLooks(ctx) { // then both forms of an option are as good
		return Features{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-help")
	cmd.Env = baseEnv()
	cmd.WaitDelay = time.Second
	help, err := cmd.Output()
	if err != nil {
		return Features{}, fmt.Errorf("cannot ask %s what it understands: %w", path, err)
	}
	if want.Features, err = parseHelp(string(help)); err != nil {
		return Features{}, fmt.Errorf("cannot understand %s -help: %w", path, err)
	}
	_ = writeProbed(file, want) // the next start asks again
	return want.Features, nil
}

func identify(path string) (probed, error) {
	info, err := os.Stat(path)
	if err != nil {
		return probed{}, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.Mode().IsRegular() {
		return probed{}, fmt.Errorf("cannot use program %s: not a regular file", path)
	}
	return probed{Path: path, Dev: uint64(st.Dev), Ino: st.Ino, MTime: st.Mtim.Nano(), CTime: st.Ctim.Nano(), Size: st.Size}, nil
}

func readProbed(file string) (probed, bool) {
	var p probed
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, &p)
	}
	return p, err == nil
}

// writeProbed puts the answer in place at once, so that no reader sees half.
func writeProbed(file string, p probed) error {
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	aside, err := os.CreateTemp(filepath.Dir(file), ".qemu-*")
	if err != nil {
		return err
	}
	_, err = aside.Write(append(data, '\n'))
	err = errors.Join(err, aside.Chmod(0o644), aside.Sync(), aside.Close())
	if err == nil {
		err = os.Rename(aside.Name(), file)
	}
	if err != nil {
		return errors.Join(err, unix.Unlink(aside.Name()))
	}
	return nil
}

// parseHelp reads QEMU's -help: its first line is -version's, an option starts
// at the margin, and what belongs to it is indented.
func parseHelp(help string) (Features, error) {
	version, ok := strings.CutPrefix(help, "QEMU emulator version ")
	words := strings.Fields(version)
	if !ok || len(words) == 0 {
		return Features{}, errors.New("it does not begin with QEMU's version")
	}
	f := Features{Version: words[0]}
	option := ""
	for line := range strings.Lines(help) {
		if strings.HasPrefix(line, "-") {
			option = strings.Fields(line)[0]
		}
		switch option {
		case "-runas":
			f.Runas = true
		case "-run-with":
			f.RunWithUser = f.RunWithUser || strings.Contains(line, "user=")
		}
	}
	return f, nil
}
