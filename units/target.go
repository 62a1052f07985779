package units

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Target is all guests together. They go before it, so what comes after it finds
// those ready that are enabled; a stop of it stops all.
const Target = "guestrc.target"

// bootTarget is what the templates are enabled for ([Install]).
const bootTarget = "multi-user.target"

// WriteTarget writes below dir, where Write does, that a boot starts the target
// and that a start of the target starts guests, by their units, that are AtBoot:
// a boot starts no more than it would anyway. Without guests nothing is written.
// Guests do not want the target themselves: to start one would start all.
func (f *Files) WriteTarget(dir string, guests []string) error {
	if len(guests) == 0 || !f.Exists(Target) {
		return nil
	}
	path, _ := f.path(Target)
	text := "# made by guestrc-generator\n[Unit]\n"
	for _, unit := range guests {
		text += "Wants=" + unit + "\n"
	}
	below, link := filepath.Join(dir, Target+".d"), filepath.Join(dir, bootTarget+".wants", Target)
	err := os.MkdirAll(below, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(below, "50-guestrc.conf"), []byte(text), 0o644)
	}
	if err == nil {
		err = os.MkdirAll(filepath.Dir(link), 0o755)
	}
	if err == nil {
		err = os.Symlink(filepath.Join("/", path), link)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("cannot write what %s starts: %w", Target, err)
	}
	return nil
}
