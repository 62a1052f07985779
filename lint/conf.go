package lint

import "github.com/guestrc/guestrc/finding"

func confRules() finding.Catalogue { return nil }

func (s *script) conf() {}
