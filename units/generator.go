package units

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Service is one guest's unit, as far as its files say more than the template.
type Service struct {
	Kind, Instance string

	// Units, by name. Requires are also ordered after; Wants too.
	Requires, Wants, After, Before []string

	Stop  time.Duration // what its stop may take; math.MaxInt64: for ever
	Start time.Duration // what its start may take
}

// Name is the unit of a guest: "guestrc-qemu@db.service". An instance needs no
// escaping, as every byte that a guest's name can have stands for itself in a
// unit's name (systemd.unit(5)).
func Name(kind, instance string) string {
	return "guestrc-" + kind + "@" + instance + ".service"
}

// Generate writes a drop-in for every service below dir, the first directory
// that systemd hands to a generator (systemd.generator(7)).
func Generate(dir string, services []Service) error {
	var errs []error
	for _, s := range services {
		below := filepath.Join(dir, Name(s.Kind, s.Instance)+".d")
		err := os.MkdirAll(below, 0o755)
		if err == nil {
			err = os.WriteFile(filepath.Join(below, "50-guestrc.conf"), []byte(s.dropin()), 0o644)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("cannot write the drop-in of %s: %w", Name(s.Kind, s.Instance), err))
		}
	}
	return errors.Join(errs...)
}

// dropin is the text of the file.
func (s Service) dropin() string {
	var b strings.Builder
	b.WriteString("# made by guestrc-generator from /etc/conf.d\n[Unit]\n")
	list := func(key string, names ...[]string) {
		for _, n := range names {
			if len(n) > 0 {
				fmt.Fprintf(&b, "%s=%s\n", key, strings.Join(n, " "))
			}
		}
	}
	list("Requires", s.Requires)
	list("Wants", s.Wants)
	list("After", s.Requires, s.Wants, s.After)
	list("Before", s.Before)
	fmt.Fprintf(&b, "[Service]\nTimeoutStartSec=%s\nTimeoutStopSec=%s\n", limit(s.Start), limit(s.Stop))
	return b.String()
}

// limit is d and some slack, as systemd.time(7) writes it.
func limit(d time.Duration) string {
	if d > math.MaxInt64-slack {
		return "infinity"
	}
	return fmt.Sprint(int64((d + slack) / time.Second))
}
