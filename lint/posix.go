package lint

import "github.com/guestrc/guestrc/finding"

func posixRules() finding.Catalogue { return nil }

func (s *script) posix() {}
