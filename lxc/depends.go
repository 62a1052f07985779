package lxc

import (
	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/deps"
	"github.com/guestrc/guestrc/guest"
)

// Depends is what the service of one guest depends on.
func (Kind) Depends(l guest.Layout, n guest.Name, c *confd.Config) (deps.Set, error) {
	return deps.Set{}, nil
}
