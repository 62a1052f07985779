// Command man writes the variables of qemu guests into guestrc.conf(5), between
// two marker comments, so that the page says what the table says. It touches
// nothing else of the page.
//
//	go generate ./docs/man
package main

//go:generate go run . guestrc.conf.5

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/guestrc/guestrc/qemu"
)

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
	page, err = insert(page, variables(qemu.Vars))
	if err != nil {
		return fmt.Errorf("cannot change %s: %w", args[0], err)
	}
	if err := os.WriteFile(args[0], page, 0o644); err != nil {
		return fmt.Errorf("cannot write the page: %w", err)
	}
	return nil
}

// The comments that the generated part lies between.
const (
	begin = ".\\\" What follows is written by \"go generate ./docs/man\".\n"
	end   = ".\\\" What precedes is written by \"go generate ./docs/man\".\n"
)

// insert replaces what lies between the markers of page.
func insert(page, text []byte) ([]byte, error) {
	before, rest, ok := bytes.Cut(page, []byte(begin))
	if !ok {
		return nil, errors.New("it has no line that begins the generated part")
	}
	_, after, ok := bytes.Cut(rest, []byte(end))
	if !ok {
		return nil, errors.New("it has no line that ends the generated part")
	}
	return bytes.Join([][]byte{before, []byte(begin), text, []byte(end), after}, nil), nil
}
