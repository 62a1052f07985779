package units

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLoopsLoseTheirWeakestOrder(t *testing.T) {
	qa, qb, qc, br0 := Name("qemu", "a"), Name("qemu", "b"), Name("qemu", "c"), Name("net", "br0")
	a := func(s Service) *Service { s.Kind, s.Instance = "qemu", "a"; return &s }
	b := func(s Service) *Service { s.Kind, s.Instance = "qemu", "b"; return &s }
	c := func(s Service) *Service { s.Kind, s.Instance = "qemu", "c"; return &s }
	br := func(s Service) *Service { s.Kind, s.Instance = "net", "br0"; return &s }
	dir := "usr/lib/systemd/system/"
	f := host(t, dir+"nftables.service\n[Unit]\nDefaultDependencies=no\nBefore=network-pre.target\n",
		dir+"theirs.service\n[Unit]\nAfter="+qa+"\n", dir+"odd.service\n[Unit]\nAfter=network.target\nBefore=network.target\n",
		dir+"first.service\n[Unit]\nAfter=second.service\n", dir+"second.service\n[Unit]\nAfter="+qa+"\n")
	for name, x := range map[string]struct {
		services []*Service
		want     []string
	}{
		"no loop": {[]*Service{a(Service{Requires: []string{qb, br0}, After: []string{qb}}), b(Service{Before: []string{qa}, Wants: []string{br0}}), br(Service{})}, nil},
		"after and after": {[]*Service{a(Service{After: []string{qb}}), b(Service{After: []string{qa}})},
			[]string{"cannot order " + qb + " after " + qa + ": " + qa + " waits for " + qb + " already"}},
		"after and before": {[]*Service{a(Service{After: []string{"x.service"}, Before: []string{"x.service"}})},
			[]string{"cannot order " + qa + " before x.service: " + qa + " waits for x.service already"}},
		"after gives way to want": {[]*Service{a(Service{After: []string{qb}}), b(Service{Wants: []string{qa}})},
			[]string{"cannot order " + qa + " after " + qb + ": " + qb + " waits for " + qa + " already"}},
		"want gives way to need": {[]*Service{a(Service{Wants: []string{qb}, After: []string{qb}}), b(Service{Requires: []string{qa}, After: []string{qa}})},
			[]string{"cannot order " + qa + " after " + qb + ": " + qb + " waits for " + qa + " already"}},
		"need and need": {[]*Service{a(Service{Requires: []string{qb}}), b(Service{Requires: []string{qa}})},
			[]string{"cannot order " + qb + " after " + qa + ": " + qa + " waits for " + qb + " already"}},
		"a longer one": {[]*Service{a(Service{Requires: []string{qb}}), b(Service{Wants: []string{qc}}), c(Service{Requires: []string{qa}})},
			[]string{"cannot order " + qb + " after " + qc + ": " + qc + " waits for " + qb + " already, by way of " + qa}},
		"two of them": {[]*Service{a(Service{After: []string{qb, qc}}), b(Service{Requires: []string{qa}}), c(Service{Requires: []string{qa}})},
			[]string{"cannot order " + qa + " after " + qb + ": " + qb + " waits for " + qa + " already",
				"cannot order " + qa + " after " + qc + ": " + qc + " waits for " + qa + " already"}},
		"against a template": {[]*Service{a(Service{Before: []string{"remote-fs-pre.target", "nfs-client.target"}})},
			[]string{"cannot order " + qa + " before remote-fs-pre.target: " + qa + " waits for remote-fs-pre.target already",
				"cannot order " + qa + " before nfs-client.target: " + qa + " waits for nfs-client.target already"}},
		"a bridge after a guest": {[]*Service{br(Service{Requires: []string{qa}})},
			[]string{"cannot order " + br0 + " after " + qa + ": " + qa + " waits for " + br0 + " already, by way of network.target"}},
		"a guest before a bridge": {[]*Service{a(Service{Before: []string{br0}})},
			[]string{"cannot order " + qa + " before " + br0 + ": " + qa + " waits for " + br0 + " already, by way of network.target"}},
		"a guest before what is early": {[]*Service{a(Service{Before: []string{"nftables.service"}}), br(Service{})},
			[]string{"cannot order " + qa + " before nftables.service: " + qa + " waits for nftables.service already, by way of network-pre.target"}},
		"against an administrator's unit": {[]*Service{a(Service{After: []string{"theirs.service"}})},
			[]string{"cannot order " + qa + " after theirs.service: theirs.service waits for " + qa + " already"}},
		"against two of them": {[]*Service{a(Service{Requires: []string{"first.service"}}), b(Service{After: []string{"second.service"}})},
			[]string{"cannot order " + qa + " after first.service: first.service waits for " + qa + " already, by way of second.service"}},
		"a loop of others": {[]*Service{a(Service{After: []string{"odd.service"}}), br(Service{})}, nil},
	} {
		var got []string
		for _, cut := range f.Untangle(x.services) {
			got = append(got, cut.Error())
		}
		slices.Sort(got)
		slices.Sort(x.want)
		if diff := cmp.Diff(x.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// What the drop-ins and the templates say has no loop, whatever was asked for,
// and what was required or wanted is so still.
func TestNoLoopIsWritten(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	f := host(t)
	for round := range 100 {
		n := 2 + rng.IntN(30)
		services := make([]*Service, n)
		for i := range services {
			services[i] = &Service{Kind: []string{"qemu", "lxc", "net"}[i%3], Instance: fmt.Sprint(i)}
		}
		any := func() string {
			if s := services[rng.IntN(n)]; rng.IntN(10) > 0 {
				return Name(s.Kind, s.Instance)
			}
			return early[rng.IntN(len(early))]
		}
		for _, s := range services {
			for _, list := range []*[]string{&s.Requires, &s.Wants, &s.After, &s.Before} {
				for range rng.IntN(3) {
					*list = append(*list, any())
				}
			}
		}
		cuts := len(f.Untangle(services))
		waits := map[string][]string{}
		for _, s := range services {
			own := Name(s.Kind, s.Instance)
			text, err := s.dropin()
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(text) {
				switch key, unit, _ := strings.Cut(strings.TrimSpace(line), "="); key {
				case "After":
					waits[own] = append(waits[own], unit)
				case "Before":
					waits[unit] = append(waits[unit], own)
				}
			}
			waits[own] = append(waits[own], order[s.Kind].after...)
			for _, unit := range order[s.Kind].before {
				waits[unit] = append(waits[unit], own)
			}
			for _, unit := range s.Requires {
				if unit != own && !strings.Contains(text, "Requires="+unit+"\n") {
					t.Errorf("round %d: %s does not require %s any more", round, own, unit)
				}
			}
		}
		if loop := loopIn(waits); loop != nil {
			t.Fatalf("round %d: after %d cuts there is a loop: %q", round, cuts, loop)
		}
	}
}

// loopIn looks for a loop by the book: depth first.
func loopIn(waits map[string][]string) (loop []string) {
	state := map[string]int{} // 1: on the path, 2: done
	var path []string
	var visit func(unit string) bool
	visit = func(unit string) bool {
		path = append(path, unit)
		if state[unit] == 1 {
			return true
		}
		if state[unit] == 0 {
			state[unit] = 1
			if slices.ContainsFunc(waits[unit], visit) {
				return true
			}
			state[unit] = 2
		}
		path = path[:len(path)-1]
		return false
	}
	for unit := range waits {
		if visit(unit) {
			return path
		}
	}
	return nil
}

// The generator has some 50 ms for a thousand guests.
func BenchmarkUntangle(b *testing.B) {
	name := func(i int) string { return Name("qemu", fmt.Sprint(i%1000)) }
	for shape, add := range map[string]func(s *Service, i int){
		"no loop":  func(s *Service, i int) { s.Wants, s.After = []string{Name("net", "br0")}, []string{name(0)} },
		"a ring":   func(s *Service, i int) { s.After = []string{name(i + 1)} },
		"a tangle": func(s *Service, i int) { s.After = []string{name(i * 7), name(i * 11), name(i + 1), name(i + 500)} },
		"a bridge": func(s *Service, i int) { s.Before = []string{Name("net", "br0")} },
	} {
		b.Run(shape, func(b *testing.B) {
			for b.Loop() {
				services := make([]*Service, 1000)
				for i := range services {
					services[i] = &Service{Kind: "qemu", Instance: fmt.Sprint(i)}
					add(services[i], i)
				}
				(&Files{}).Untangle(services)
			}
		})
	}
}
