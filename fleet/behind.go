package fleet

// Behind counts, for each member, how many must still be done one after the
// other when it is done; what Run cuts of circles does not count.
func Behind(members []Member) []int {
	_, followers, _ := order(members)
	behind, counted := make([]int, len(members)), make([]bool, len(members))
	var count func(i int) int
	count = func(i int) int {
		if counted[i] {
			return behind[i]
		}
		counted[i] = true
		for _, j := range followers[i] {
			behind[i] = max(behind[i], count(j)+1)
		}
		return behind[i]
	}
	for i := range members {
		count(i)
	}
	return behind
}
