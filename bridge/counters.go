package bridge

// Counters are what a link has counted since it was made, as the host sees it:
// what a guest sends, the host's end of its link receives.
type Counters struct {
	Index          int
	Received, Sent uint64 // bytes in and out
}

// Traffic returns the counters of all links of our network namespace, by name.
func Traffic() (map[string]Counters, error) {
	all, err := list()
	if err != nil {
		return nil, err
	}
	counted := make(map[string]Counters, len(all))
	for _, link := range all {
		a := link.Attrs()
		c := Counters{Index: a.Index}
		if s := a.Statistics; s != nil {
			c.Received, c.Sent = s.RxBytes, s.TxBytes
		}
		counted[a.Name] = c
	}
	return counted, nil
}
