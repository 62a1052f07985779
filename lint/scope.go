package lint

import "github.com/guestrc/guestrc/finding"

func scopeRules() finding.Catalogue { return nil }

func (s *script) scopes() {}
