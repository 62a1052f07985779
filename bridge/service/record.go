package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/guestrc/guestrc/bridge"
	"github.com/guestrc/guestrc/pidfile"
)

// recordName is the file that says how the bridge was started: a stop acts on
// that, whatever became of the files since.
const recordName = "bridge.json"

func record(dir *os.File, spec bridge.Spec) error {
	text, err := json.Marshal(spec)
	if err == nil {
		err = pidfile.WriteFile(dir, recordName, append(text, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("cannot record the start of %s: %w", spec.Name, err)
	}
	return nil
}

// recorded is what the last start put on record.
func recorded(dir *os.File) (spec bridge.Spec, known bool, err error) {
	text, err := os.ReadFile(filepath.Join(dir.Name(), recordName))
	if errors.Is(err, fs.ErrNotExist) {
		return spec, false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &spec)
	}
	if err != nil {
		return bridge.Spec{}, false, fmt.Errorf("cannot read how the bridge was started: %w", err)
	}
	return spec, true, nil
}

func forget(dir *os.File) error {
	if err := os.Remove(filepath.Join(dir.Name(), recordName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot remove the record of a start: %w", err)
	}
	return nil
}

// both is a bridge that was started as old says, and then as now: what a start
// took from ports is to be given back, and what files have given it is not,
// though they no longer say so.
func both(now, old bridge.Spec) bridge.Spec {
	now.Move = now.Move || old.Move
	now.Ports = union(now.Ports, old.Ports)
	now.Addresses = union(now.Addresses, old.Addresses)
	now.Routes = union(now.Routes, old.Routes)
	return now
}

func union[T any](all, more []T) []T {
	all = slices.Clone(all)
	for _, m := range more {
		if !slices.ContainsFunc(all, func(o T) bool { return reflect.DeepEqual(o, m) }) {
			all = append(all, m)
		}
	}
	return all
}
