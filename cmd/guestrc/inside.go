package main

import (
	"context"
	"fmt"
	"syscall"
)

// become is what a verb returns to have main replace this program by another.
type become struct{ argv []string }

func (b become) Error() string { return "cannot become " + b.argv[0] }

// exec does not return unless it fails. The other program inherits the
// terminal, or the pipeline, and its exit status is ours.
func (b become) exec(environ []string) error {
	return fmt.Errorf("cannot run %s: %w", b.argv[0], syscall.Exec(b.argv[0], b.argv, environ))
}

func execInside(ctx context.Context, e *env, args []string) error {
	names, err := e.guestNames(args[:1])
	if err != nil {
		return err
	}
	command := args[1:]
	if len(command) > 0 && command[0] == "--" {
		command = command[1:]
	}
	force, _ := e.flags.GetBool("force")
	argv, err := e.house.Enter(ctx, names[0], command, force, &progress{e: e, name: names[0]})
	if err != nil {
		return err
	}
	return become{argv}
}

func console(ctx context.Context, e *env, args []string) error {
	names, err := e.guestNames(args)
	if err != nil {
		return err
	}
	argv, err := e.house.Console(ctx, names[0], &progress{e: e, name: names[0]})
	if err != nil {
		return err
	}
	return become{argv}
}
