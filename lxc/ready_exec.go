package lxc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pidfile"
)

// tryTime bounds one run of a command that asks whether the container is ready:
// one that takes longer hangs.
const tryTime = 10 * time.Second

// commands are run with these pauses: each costs some milliseconds.
var commands = pauses{50 * time.Millisecond, 2 * time.Second}

// execReady runs a command inside until it succeeds. Nothing tells when it
// would.
func (c *Container) execReady(ctx context.Context, init *pidfile.Process) error {
	program, err := c.asks(init)
	if err != nil {
		return err
	}
	return commands.again(ctx, tryTime, func(ctx context.Context) error {
		said, err := runWhole(ctx, program, c.attach(c.Readiness.Exec)...)
		if errors.Is(err, context.DeadlineExceeded) {
			err = errors.New("it took too long, and was ended")
		}
		if line := firstLine(said); err != nil && line != "" {
			err = fmt.Errorf("%w: %s", err, line)
		}
		if err != nil {
			return fmt.Errorf("%s inside did not succeed: %w", c.Readiness.Exec[0], err)
		}
		return nil
	})
}

// asks finds the program that runs a command inside, or says why that would
// not tell anything of the container.
func (c *Container) asks(init *pidfile.Process) (program string, err error) {
	if err := answersForHost(init); err != nil {
		return "", err
	}
	return findProgram(attachProgram)
}

// answers are the namespaces that a command looks at which tells whether the
// container is ready. A shared network is no matter: what it connects to there
// is for its author to know. Nor is what a shutdown could reach: it is none.
var answers = []struct{ namespace, what string }{
	{"mnt", "files"},
	{"pid", "processes"},
}

func answersForHost(init *pidfile.Process) error {
	for _, own := range answers {
		same, err := sameNamespace(init.Pid(), own.namespace)
		if err != nil {
			return fmt.Errorf("cannot compare namespaces: %w", err)
		}
		if same {
			return &guest.Error{Status: guest.StatusNotConfigured,
				Msg: fmt.Sprintf("cannot ask inside: the container shares the host's %s namespace, and the host's %s would answer", own.namespace, own.what)}
		}
	}
	return nil
}
