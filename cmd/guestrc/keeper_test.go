package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/guestrc/guestrc/guest"
)

// Who calls a stop off, once the guest was asked, does not wait for systemd.
func TestStopThatIsCalledOffDoesNotWaitForTheKeeper(t *testing.T) {
	dir := t.TempDir()
	fake := "#!/bin/sh\necho \"$2\" >> " + dir + "/said\n"
	if err := os.WriteFile(filepath.Join(dir, "systemctl"), []byte(fake), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	k := &keeper{e: &env{}, name: guest.Name{Kind: "qemu", Instance: "a"}, init: systemdName}
	ctx, cancel := context.WithCancel(t.Context())
	asking, finish := k.letGo(ctx, func(err error) { t.Error(err) })
	asking()
	cancel()
	err := finish()
	_, later := k.letGo(ctx, func(err error) { t.Error(err) })
	err = errors.Join(err, later()) // nobody was asked: systemd must know all the same
	said, errRead := os.ReadFile(filepath.Join(dir, "said"))
	if want := "--no-block\nguestrc-qemu@a.service\n"; err != nil || errRead != nil || string(said) != want {
		t.Errorf("%q, want %q (%v, %v)", said, want, err, errRead)
	}
}
