package qemu

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// prepareFirmware makes the guest's own UEFI variables from the template, at
// its first start. It leaves an existing file alone.
func (m *Machine) prepareFirmware() error {
	if m.VarsTemplate == "" {
		return nil
	}
	for _, f := range m.Files {
		if f.Role != "vars" {
			continue
		}
		if _, err := os.Lstat(f.Path); err == nil {
			return nil
		}
		if err := m.copyVars(f.Path); err != nil {
			return fmt.Errorf("cannot make the UEFI variables %s: %w", f.Path, err)
		}
	}
	return nil
}

// copyVars writes aside and renames: half a variable store is a guest that
// does not boot.
func (m *Machine) copyVars(path string) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	from, err := os.Open(m.VarsTemplate)
	if err != nil {
		return err
	}
	defer from.Close()
	aside, err := os.CreateTemp(filepath.Dir(path), ".vars-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = io.Copy(aside, from)
	if err == nil && m.User != "" {
		err = aside.Chown(m.UID, m.GID)
	}
	err = errors.Join(err, aside.Sync(), aside.Close())
	if err == nil {
		err = os.Rename(aside.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(aside.Name()))
	}
	return nil
}
