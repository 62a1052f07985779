package confile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestIDMapsAreRead(t *testing.T) {
	for text, want := range map[string][]IDMap{
		"":                                {},
		"lxc.idmap = u 0 100000 65536":    {{Host: 100000, Count: 65536}},
		"lxc.idmap = g 0 100000 65536":    {{Group: true, Host: 100000, Count: 65536}},
		"lxc.id_map = u\t0 1 2":           {{Host: 1, Count: 2}},
		"lxc.idmap = u 0 1 2\nlxc.idmap=": {},
	} {
		c, err := Parse("config", []byte(text+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.IDMaps()
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(IDMap{}, "Pos")); diff != "" || err != nil {
			t.Errorf("%q: %v\n%s", text, err, diff)
		}
	}
}

func TestIDMapsThatLXCDoesNotUnderstand(t *testing.T) {
	for _, value := range []string{"x 0 1 2", "u 0 1", "u 0 1 2 3", "u a 1 2", "u 0 -1 2", "u 0 1 0", "u 0 4294967296 1", "both 0 1 2"} {
		c, err := Parse("config", []byte("lxc.idmap = "+value+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		if maps, err := c.IDMaps(); err == nil || !strings.Contains(err.Error(), "config:1:1") || len(maps) > 0 {
			t.Errorf("%s: %v, %v", value, maps, err)
		}
	}
}

func FuzzIDMap(f *testing.F) {
	f.Add("u 0 100000 65536")
	f.Add("g 4294967295 0 1")
	f.Fuzz(func(t *testing.T, value string) {
		if m, ok := parseIDMap(Entry{Value: value}); ok && (m.Count == 0 || m.Host > 1<<32 || m.Inside > 1<<32) {
			t.Errorf("%+v", m)
		}
	})
}
