package deps

import (
	"testing"

	"github.com/guestrc/guestrc/confd"
)

func TestWhatAPathNamesFollowsFromThePath(t *testing.T) {
	at := confd.Pos{File: "conf", Line: 1, Col: 1}
	for path, want := range map[string]Dependency{
		"/srv/a.img":            {Need, Path, "/srv/a.img", "v", at},
		"/srv/../dev//vg/a":     {Need, Device, "/dev/vg/a", "v", at},
		"/dev/disk/by-id/a:b-c": {Need, Device, "/dev/disk/by-id/a:b-c", "v", at},
		"/dev/../srv/a":         {Need, Path, "/srv/a", "v", at},
		"/dev":                  {Need, Path, "/dev", "v", at},
		"/dev/shm/a":            {Need, Path, "/dev/shm/a", "v", at},
		"/dev/hugepages":        {Need, Path, "/dev/hugepages", "v", at},
		"/dev/shmall":           {Need, Device, "/dev/shmall", "v", at},
		"/device/a":             {Need, Path, "/device/a", "v", at},
	} {
		if got := OfFile(path, "v", at); got != want {
			t.Errorf("%s: %+v", path, got)
		}
	}
}

func TestBridgesAreWantedUnlessToldOtherwise(t *testing.T) {
	for conf, want := range map[string]Relation{"": Want, "bridge_dep=": Want, "bridge_dep=want": Want, "bridge_dep=need": Need, "bridge_dep=none": "", "bridge_dep=no": Want} {
		c, err := confd.Parse("conf", []byte(conf), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := OfBridges(c); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %v", conf, got, ok)
		}
	}
}
