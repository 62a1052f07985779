package lint

import "github.com/guestrc/guestrc/finding"

func dependRules() finding.Catalogue { return nil }

func (s *script) depends() {}
