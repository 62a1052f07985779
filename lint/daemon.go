package lint

import "github.com/guestrc/guestrc/finding"

func daemonRules() finding.Catalogue { return nil }

func (s *script) daemons() {}
