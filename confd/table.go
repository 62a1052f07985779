package confd

import "strings"

// Lookup finds the variable that name belongs to: its own name, else the
// numbered one ("disk12_file" is diskN_file, index 12), else one that takes
// any option ("disk12_cache" is diskN_*, index 12, option "cache"). The index
// of a name without a number is -1.
func (t Table) Lookup(name string) (v Var, index int, option string, ok bool) {
	pattern, number, indexed := splitIndexed(name)
	for _, v := range t {
		if v.Name == name && !v.indexed() && !v.wildcard() {
			return v, -1, "", true
		}
	}
	if !indexed {
		pattern, number = name, -1
	}
	for _, v := range t {
		if indexed && v.Name == pattern && v.indexed() {
			return v, number, "", true
		}
	}
	for _, v := range t {
		if !v.wildcard() || v.indexed() != indexed {
			continue
		}
		option, ok := strings.CutPrefix(pattern, strings.TrimSuffix(v.Name, "*"))
		if ok && option != "" {
			return v, number, option, true
		}
	}
	return Var{}, -1, "", false
}

// Check holds what the files set against the table. A variable that the table
// does not know, no other line uses, no export names and OpenRC has no use for
// is a warning; a text that is not of its variable's type is an error, at the
// place of the assignment. The empty text is right for every type. All errors
// are of type *[Error], several are joined.
func (t Table) Check(c *Config) (warnings []*Error, err error) {
	return t.check(c, func(string) {})
}

// check also names those whose text is not of their type.
func (t Table) check(c *Config, wrongly func(name string)) (warnings []*Error, err error) {
	var wrong []error
	for _, value := range c.Values {
		if value.Pos == (Pos{}) {
			continue // a preset is not the file's doing
		}
		v, _, _, ok := t.Lookup(value.Name)
		switch {
		case ok && v.wildcard() && t.misspelt(value.Name):
			warnings = append(warnings, t.unknown(value))
		case !ok && !value.Used && !value.Exported && !openrcOwn(value.Name):
			warnings = append(warnings, t.unknown(value))
		case ok && value.Text != "":
			if err := v.check(value); err != nil {
				wrong = append(wrong, err)
				wrongly(value.Name)
			}
		}
	}
	return warnings, join(wrong)
}

// misspelt tells whether an option that is passed on as it is (diskN_*) is one
// slip away from a variable that is not.
func (t Table) misspelt(name string) bool {
	near, ok := t.Nearest(name)
	return ok && distance(strings.ToLower(near), strings.ToLower(name), 1) <= 1
}

func (t Table) unknown(value Value) *Error {
	e := Errorf(value.Pos, "unknown variable %q", value.Name)
	if near, ok := t.Nearest(value.Name); ok {
		e.Hint = "did you mean " + `"` + near + `"?`
	}
	e.Var = value.Name
	return e.WithID(unknownID)
}

// at gives the variable's name with its number filled in.
func (v Var) at(number string) string {
	if i := v.numberAt(); i >= 0 {
		return v.Name[:i] + number + v.Name[i+1:]
	}
	return v.Name
}

// numberAt finds the capital N that stands for a number: the one after a
// small letter, at the end or before a "_". VM_NAME has none.
func (v Var) numberAt() int {
	for i := 1; i < len(v.Name); i++ {
		if v.Name[i] == 'N' && v.Name[i-1] >= 'a' && v.Name[i-1] <= 'z' && (i+1 == len(v.Name) || v.Name[i+1] == '_') {
			return i
		}
	}
	return -1
}

func (v Var) indexed() bool  { return v.numberAt() >= 0 }
func (v Var) wildcard() bool { return strings.HasSuffix(v.Name, "_*") }

// splitIndexed takes the number out of a name: "disk12_file" is "diskN_file"
// and 12. A number has no leading zeros and at most four digits: "disk00" and
// "disk0" would be two names for one disk.
func splitIndexed(name string) (pattern string, index int, ok bool) {
	i := strings.IndexAny(name, "0123456789")
	if i <= 0 {
		return name, 0, false
	}
	j := i
	for j < len(name) && name[j] >= '0' && name[j] <= '9' {
		index = index*10 + int(name[j]-'0')
		j++
		if j-i > 4 {
			return name, 0, false
		}
	}
	if name[i] == '0' && j-i > 1 {
		return name, 0, false
	}
	return name[:i] + "N" + name[j:], index, true
}
