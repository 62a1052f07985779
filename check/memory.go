package check

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/finding"
	"github.com/guestrc/guestrc/guest"
)

// Memory is what the host has, in bytes.
type Memory struct {
	Total uint64
	Huge  map[string]uint64 // pages of each hugetlbfs, by where it is mounted
}

// need is what one guest needs.
type need struct {
	guest  string
	amount uint64
}

// Sums are the findings of the memory that guests need together: those that start
// at boot, and those that run. What one alone cannot have is told of that one.
func Sums(all []Held, host Memory) []finding.Finding {
	needs := map[string][]need{}
	for _, held := range all {
		if !held.Loads {
			continue
		}
		for _, h := range held.Holds {
			if h.Sort == guest.HoldMemory {
				needs[h.Key] = append(needs[h.Key], need{held.Guest, h.Amount})
			}
		}
	}
	var found []finding.Finding
	for _, key := range slices.Sorted(maps.Keys(needs)) {
		id, has, from := "GR402", host.Total, "the host has "
		if key != "" {
			id, has, from = "GR403", host.Huge[key], key+" has "
		}
		sum := uint64(0)
		for _, n := range needs[key] {
			sum += min(n.amount, 1<<62-sum) // hostile sizes do not wrap around
		}
		if _, known := host.Huge[key]; len(needs[key]) < 2 || sum <= has || key != "" && !known || has == 0 {
			continue
		}
		found = append(found, Rules().New(id, "", confd.Pos{}, fmt.Sprintf("%d guests that start at boot or run need %s of memory together, and %s%s: %s",
			len(needs[key]), size(sum), from, size(has), largest(needs[key])), ""))
	}
	return found
}

// largest names those that need most.
func largest(needs []need) string {
	slices.SortStableFunc(needs, func(a, b need) int { return cmp.Compare(b.amount, a.amount) })
	var words []string
	for i, n := range needs {
		if i == most {
			words = append(words, fmt.Sprintf("%d more", len(needs)-most))
			break
		}
		words = append(words, n.guest+" "+size(n.amount))
	}
	return join(words)
}

// size writes bytes as conf.d does: "1.5G".
func size(n uint64) string {
	for _, unit := range []struct {
		letter string
		bytes  uint64
	}{{"T", 1 << 40}, {"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}} {
		if n >= unit.bytes {
			text := fmt.Sprintf("%.1f", float64(n)/float64(unit.bytes))
			if text[len(text)-2:] == ".0" {
				text = text[:len(text)-2]
			}
			return text + unit.letter
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
