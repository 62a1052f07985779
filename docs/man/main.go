// Command man writes the variables of every kind of guest, and those of all
// together, into guestrc.conf(5), those of each between two marker comments, so that the page says what the
// tables say. It touches nothing else of the page.
//
//	go generate ./docs/man
package main

//go:generate go run . guestrc.conf.5

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/guestrc/guestrc/bridge/netifrc"
	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/host"
	"github.com/guestrc/guestrc/lxc"
	"github.com/guestrc/guestrc/qemu"
)

// kinds are the tables that the page shows; that of bridges, which are no guests,
// for a bridge NAME, and that of what concerns all guests together.
var kinds = []struct {
	name string
	vars confd.Table
}{{"qemu", qemu.Vars}, {"lxc", lxc.Vars}, {"net", netifrc.Vars("NAME")}, {"guestrc", host.Vars}}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "man:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: man PAGE")
	}
	page, err := os.ReadFile(args[0])
	if err != nil {
		return fmt.Errorf("cannot read the page: %w", err)
	}
	page, err = update(page)
	if err != nil {
		return fmt.Errorf("cannot change %s: %w", args[0], err)
	}
	if err := os.WriteFile(args[0], page, 0o644); err != nil {
		return fmt.Errorf("cannot write the page: %w", err)
	}
	return nil
}

// update replaces the part of every kind.
func update(page []byte) (_ []byte, err error) {
	for _, k := range kinds {
		if page, err = insert(page, k.name, variables(k.vars)); err != nil {
			return nil, err
		}
	}
	return page, nil
}

// markers are the comments that the part of a kind lies between.
func markers(kind string) (begin, end []byte) {
	const by = " is written by \"go generate ./docs/man\": variables of "
	return []byte(".\\\" What follows" + by + kind + ".\n"), []byte(".\\\" What precedes" + by + kind + ".\n")
}

// insert replaces what lies between the markers of kind.
func insert(page []byte, kind string, text []byte) ([]byte, error) {
	begin, end := markers(kind)
	before, rest, ok := bytes.Cut(page, begin)
	if !ok {
		return nil, fmt.Errorf("it has no line that begins the generated part of %s", kind)
	}
	_, after, ok := bytes.Cut(rest, end)
	if !ok {
		return nil, fmt.Errorf("it has no line that ends the generated part of %s", kind)
	}
	return bytes.Join([][]byte{before, begin, text, end, after}, nil), nil
}
