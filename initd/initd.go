// Package initd is guestrc under OpenRC: the one init script, of which every
// guest is a symlink. It holds the script for those who install it, and knows
// no kind of guest.
package initd

import _ "embed"

// Script is the openrc-run(8) script /etc/init.d/guestrc.
//
//go:embed guestrc
var Script string
