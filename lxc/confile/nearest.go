package confile

import (
	"maps"
	"slices"
	"strings"
)

// Nearest finds the key that an unknown one was most likely meant to be, if
// one is near: no more than one slip in four letters, and three in all.
func Nearest(key string) (string, bool) {
	if number, sub, ok := numbered(key, "lxc.net."); ok {
		best, found := nearest(strings.TrimPrefix(sub, "."), netKeys)
		return netKey(number, "."+best), found
	}
	if best, ok := nearest(key, known); ok {
		return best, true
	}
	if old, ok := nearest(key, slices.Sorted(maps.Keys(renamed))); ok && renamed[old] != "" {
		return renamed[old], true
	}
	parts := strings.SplitN(key, ".", 3)
	if len(parts) < 3 {
		return "", false
	}
	group, ok := nearest(parts[1], []string{"cgroup", "cgroup2", "prlimit", "proc", "sysctl"})
	return "lxc." + group + "." + parts[2], ok
}

// maxWord is the longest text that is worth comparing, in bytes.
const maxWord = 64

func nearest(word string, words []string) (best string, found bool) {
	if len(word) > maxWord {
		return "", false
	}
	bound := min(3, len(strings.TrimPrefix(word, "lxc."))/4+1)
	for _, w := range words {
		if d := distance(word, w); d <= bound {
			best, found, bound = w, true, d-1
		}
	}
	return best, found
}

// distance is Levenshtein's: letters to put in, take out or change.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// NearestOf is Nearest among other words; empty when none is near.
func NearestOf(word string, words []string) string {
	best, _ := nearest(word, words)
	return best
}
