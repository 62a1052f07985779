package main

import (
	"context"
	"fmt"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/lxc/confile"
)

// migrating is an instance whose configuration file can be of LXC 2.
type migrating interface{ ConfigPath() string }

func migrate(ctx context.Context, e *env, args []string) error {
	write, _ := e.flags.GetBool("write")
	return e.each(ctx, args, func(n guest.Name) error {
		i, err := e.house.Configure(ctx, n, &progress{e: e, name: n})
		if err != nil {
			return err
		}
		m, ok := i.(migrating)
		if !ok {
			return usage(fmt.Sprintf("cannot migrate %s: guests of kind %s have no configuration of LXC", n, n.Kind), "")
		}
		changes, err := confile.Migrate(m.ConfigPath())
		if err != nil {
			return fmt.Errorf("cannot migrate %s: %w", n, err)
		}
		if len(changes) == 0 {
			e.out.info(fmt.Sprintf("%s: nothing to migrate", n))
			return nil
		}
		if !write {
			for _, c := range changes {
				fmt.Fprint(e.stdout, clean(c.Diff()))
			}
			return nil
		}
		if err := confile.Write(changes); err != nil {
			return fmt.Errorf("cannot migrate %s: %w", n, err)
		}
		for _, c := range changes {
			e.out.info(fmt.Sprintf("%s: rewrote %d lines of %s", n, len(c.Lines), c.Path))
		}
		return nil
	})
}
