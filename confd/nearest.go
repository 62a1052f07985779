package confd

import "strings"

// Nearest finds the variable that name was most likely meant to be. It allows
// one slip (a letter too many, too few, another, or two exchanged) in names of
// up to four letters, two in up to eight, else three. A number stays as it is:
// "disk3_fiel" is near to "disk3_file".
func (t Table) Nearest(name string) (string, bool) {
	pattern, number := name, "0"
	if p, _, ok := splitIndexed(name); ok {
		pattern = p
		i := strings.IndexAny(name, "0123456789")
		number = name[i : len(name)-(len(p)-i-1)]
	}
	best, bound := "", slips(name)
	for _, v := range t {
		if v.wildcard() {
			continue
		}
		if candidate := v.at(number); candidate != name {
			if d := distance(strings.ToLower(pattern), strings.ToLower(v.Name), bound); d <= bound {
				best, bound = candidate, d-1
			}
		}
	}
	return best, best != ""
}

// NearestWord finds the one of words that text was most likely meant to be, by
// the rules of Table.Nearest.
func NearestWord(words []string, text string) (string, bool) {
	best, bound := "", slips(text)
	for _, word := range words {
		if d := distance(strings.ToLower(text), strings.ToLower(word), bound); d <= bound {
			best, bound = word, d-1
		}
	}
	return best, best != ""
}

func slips(name string) int {
	switch {
	case len(name) <= 4:
		return 1
	case len(name) <= 8:
		return 2
	}
	return 3
}

// distance is that of Damerau and Levenshtein with adjacent exchanges only
// (optimal string alignment), in bytes; bound+1 when it is above bound.
func distance(a, b string, bound int) int {
	if d := len(a) - len(b); d > bound || -d > bound || bound < 0 {
		return bound + 1
	}
	above, before := make([]int, len(b)+1), make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return min(above[len(b)], bound+1)
}
