package confile

import "strings"

// Get returns the entry in effect for a key of today: the last one, unless a
// later line takes it back.
func (c *Config) Get(key string) (Entry, bool) {
	all := c.All(key)
	if len(all) == 0 {
		return Entry{}, false
	}
	return all[len(all)-1], true
}

// All returns the entries in effect for a key that adds up, such as
// lxc.mount.entry: those since the last line that takes them back.
func (c *Config) All(key string) []Entry {
	var all []Entry
	for _, e := range c.Entries {
		if e.Dropped {
			continue
		}
		if clears(e, key) {
			all = nil
		}
		if e.Key == key && e.Value != "" {
			all = append(all, e)
		}
	}
	return all
}

// clears says whether an entry takes back what was set for key before. Besides
// a key without a value: a network's type, whatever it is, begins that network
// anew (lxc_clear_netdev), and the two lists of capabilities are one list
// (lxc_clear_config_caps).
func clears(e Entry, key string) bool {
	if number, sub, ok := numbered(e.Key, "lxc.net."); ok && sub == ".type" && strings.HasPrefix(key, netKey(number, ".")) {
		return true
	}
	if e.Value != "" {
		return false
	}
	if isCap(e.Key) && isCap(key) || e.Key == key {
		return true
	}
	return clearsGroup(e.Key) && strings.HasPrefix(key, e.Key+".") && !standsAlone(key)
}

// standsAlone says which keys share a group's name without being of it.
func standsAlone(key string) bool {
	return key == "lxc.hook.version" || key == "lxc.cgroup.relative" || key == "lxc.cgroup.dir" || strings.HasPrefix(key, "lxc.cgroup.dir.")
}

func isCap(key string) bool { return key == "lxc.cap.drop" || key == "lxc.cap.keep" }
