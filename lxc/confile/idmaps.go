package confile

import (
	"strconv"
	"strings"
)

// IDMap is one line of lxc.idmap: Count ids from Inside on are those of the
// host from Host on.
type IDMap struct {
	Group               bool // of groups, not of users
	Inside, Host, Count uint64
	Pos                 Pos
}

// IDMaps are the lines in effect; none: ids inside are those of the host. What
// LXC does not understand is an error.
func (c *Config) IDMaps() ([]IDMap, error) {
	var maps []IDMap
	var errs []error
	for _, e := range c.All("lxc.idmap") {
		m, ok := parseIDMap(e)
		if !ok {
			errs = append(errs, errorf(e.Pos, "for example: u 0 100000 65536", "lxc.idmap is %q, which LXC does not understand", e.Value).WithID("GR102"))
			continue
		}
		maps = append(maps, m)
	}
	return maps, join(errs)
}

// parseIDMap follows parse_idmaps in src/lxc/confile_utils.c; user_namespaces(7)
// has the bounds.
func parseIDMap(e Entry) (m IDMap, ok bool) {
	words := strings.FieldsFunc(e.Value, func(r rune) bool { return strings.ContainsRune(blank, r) })
	if len(words) != 4 || words[0] != "u" && words[0] != "g" {
		return m, false
	}
	m = IDMap{Group: words[0] == "g", Pos: e.Pos}
	for i, to := range []*uint64{&m.Inside, &m.Host, &m.Count} {
		n, err := strconv.ParseUint(words[i+1], 0, 32)
		if err != nil {
			return m, false
		}
		*to = n
	}
	return m, m.Count > 0
}
