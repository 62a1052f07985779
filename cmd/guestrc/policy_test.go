package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/guest"
)

// The policy is read by guest, whatever the kind; its defaults are those that
// every kind's table shows.
func TestPolicyHasTheDefaultsOfEveryTable(t *testing.T) {
	for _, k := range kinds() {
		root := t.TempDir()
		house := guest.House{Layout: guest.Layout{Root: root}, Kinds: kinds()}
		policy := func(lines string) guest.Policy {
			t.Helper()
			n, err := guest.ParseName(k.Name() + ".a")
			if err != nil {
				t.Fatal(err)
			}
			path := house.Layout.ConfFiles(n)[1]
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(lines), 0o644); err != nil {
				t.Fatal(err)
			}
			s, _ := house.Service(n) // what else the file should say is nothing to this
			return s.Policy
		}
		written, others := "", map[string]string{"respawn": "always", "respawn_delay": "7", "respawn_max": "3", "respawn_period": "77", "stop_last": "yes"}
		for _, v := range k.Vars() {
			if v.Group != "Service" {
				continue
			}
			written += v.Name + "=" + v.Default + "\n"
			if policy(v.Name+"="+others[v.Name]+"\n") == policy("") {
				t.Errorf("%s: %s has no effect", k.Name(), v.Name)
			}
			delete(others, v.Name)
		}
		if len(others) > 0 {
			t.Errorf("%s does not know %v", k.Name(), others)
		}
		if diff := cmp.Diff(policy(written), policy("")); diff != "" {
			t.Errorf("%s: defaults (-in the table +read):\n%s", k.Name(), diff)
		}
	}
}
