// Command fetch downloads what the tests unpack but do not install, so that no
// test has to wait for a mirror, and says where it lies. Without it the first
// test that needs something downloads it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/debs"
	"github.com/guestrc/guestrc/tests/lab"
	"github.com/guestrc/guestrc/tests/release"
	"github.com/guestrc/guestrc/tests/rootfs"
	"github.com/guestrc/guestrc/tests/store"
	"github.com/guestrc/guestrc/tests/tinyguest"
)

// limit is for everything together, from a slow mirror.
const limit = 10 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, limit)
	err := fetch(ctx)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "fetch:", err)
		os.Exit(1)
	}
}

func fetch(ctx context.Context) error {
	dir, err := store.Dir()
	if err != nil {
		return err
	}
	image, err := tinyguest.Build(ctx, tinyguest.Options{})
	fmt.Printf("fetch: guests' kernel %s\n", image.Kernel)
	_, errAgent := tinyguest.Agent(ctx)
	_, errServer := tinyguest.Server(ctx)
	_, errOpenRC := lab.FetchOpenRC(ctx)
	errRoots := rootfs.Fetch(ctx)
	_, errDiscs := debs.Unpack(ctx, "memtest86+", "ipxe")
	fmt.Printf("fetch: guest agent, SSH server, OpenRC, containers' roots and boot discs, unpacked below %s\n", dir)
	return errors.Join(err, errAgent, errServer, errOpenRC, errRoots, errDiscs, fetchReleases(ctx))
}

// fetchReleases makes the roots that the tests want, at the same time, as each
// waits for the mirror and for programs of its own.
func fetchReleases(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return nil // nor are there machines without root
	}
	names := []string{"trixie", "sid"}
	errs := make([]error, len(names))
	var group sync.WaitGroup
	for i, name := range names {
		group.Go(func() {
			_, errs[i] = release.Root(ctx, name)
		})
	}
	group.Wait()
	fmt.Printf("fetch: roots of %s\n", strings.Join(names, " and "))
	return errors.Join(errs...)
}
