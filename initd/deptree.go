package initd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// deptreePath is where OpenRC writes what depends on what (rc_deptree_update in
// librc-depend.c).
const deptreePath = stateDir + "/deptree"

// upStates are those in which a service may have something running. It is being
// stopped while it uses what it needs.
var upStates = []string{"started", "starting", "stopping", "inactive"}

// Users tells which services need, use or want one that is ours: by the name of
// ours, the names of services that are up and not ours, sorted. A service of ours
// that provides something, such as dns, has all users of that. An order alone
// (after, before) is no use, and what comes by way of a third service is not
// followed. Where OpenRC has not run there are none.
func (h Host) Users(_ context.Context, ours func(name string) bool) (map[string][]string, error) {
	text, _, err := h.Tree.ReadFile(deptreePath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read what services depend on: %w", err)
	}
	tree, err := parseDeptree(h.Tree.Path(deptreePath), string(text))
	if err != nil {
		return nil, err
	}
	up := map[string]bool{}
	for _, state := range upStates {
		names, err := h.Tree.List(filepath.Join(stateDir, state))
		if err != nil {
			return nil, fmt.Errorf("cannot list services: %w", err)
		}
		for _, name := range names {
			up[name] = true
		}
	}
	users := map[string][]string{}
	for name := range up {
		if ours(name) {
			continue
		}
		for _, target := range tree.targets(name) {
			if ours(target) {
				users[target] = append(users[target], name)
			}
		}
	}
	for _, names := range users {
		slices.Sort(names)
	}
	return users, nil
}

// deptree is what Users wants to know of the file.
type deptree struct {
	uses      map[string][]string // by service: what it needs, uses or wants
	providers map[string][]string // by what is provided: who does
}

// targets are the services, each once, that a service needs, uses or wants.
func (t deptree) targets(service string) (names []string) {
	for _, name := range t.uses[service] {
		names = append(append(names, name), t.providers[name]...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// parseDeptree reads the lines
//
//	depinfo_7_service='sshd'
//	depinfo_7_ineed_0='net'
//
// of which the second kind, for one number, comes after the first. Other sorts of
// dependencies than those that count here are passed over.
func parseDeptree(path, text string) (t deptree, err error) {
	t = deptree{uses: map[string][]string{}, providers: map[string][]string{}}
	service, current := "", ""
	line := 0
	for row := range strings.Lines(text) {
		line++
		row = strings.TrimSuffix(row, "\n")
		number, sort, value, problem := parseDepinfo(row)
		switch {
		case problem == "" && sort == "service":
			service, current = value, number
		case problem == "" && number != current:
			problem = "it is of no service"
		}
		if problem != "" {
			return deptree{}, fmt.Errorf("cannot use what services depend on: %s:%d:1: %s: %q", path, line, problem, row)
		}
		switch sort {
		case "ineed", "iuse", "iwant":
			t.uses[service] = append(t.uses[service], value)
		case "iprovide":
			t.providers[value] = append(t.providers[value], service)
		}
	}
	return t, nil
}

// parseDepinfo takes one line apart.
func parseDepinfo(row string) (number, sort, value, problem string) {
	key, value, ok := strings.Cut(row, "=")
	quoted := len(value) >= 2 && value[0] == '\'' && value[len(value)-1] == '\''
	words := strings.Split(key, "_")
	switch {
	case !ok || words[0] != "depinfo" || len(words) < 3:
		return "", "", "", "it is no depinfo"
	case !quoted || len(value) == 2:
		return "", "", "", "its value is no word in quotes"
	}
	number, sort = words[1], words[2]
	_, err := strconv.ParseUint(number, 10, 31)
	if sort == "service" && len(words) == 3 && err == nil {
		return number, sort, value[1 : len(value)-1], ""
	}
	if len(words) == 4 && err == nil {
		_, err = strconv.ParseUint(words[3], 10, 31)
	}
	if len(words) != 4 || err != nil {
		return "", "", "", "its name is not numbered"
	}
	return number, sort, value[1 : len(value)-1], ""
}
