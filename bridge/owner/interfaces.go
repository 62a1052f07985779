package owner

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// maxSources bounds the files that /etc/network/interfaces takes in.
const maxSources = 200

// ifupdown looks for the interface's stanza, or its name after auto, in the
// files of interfaces(5), which ifupdown, ifupdown2, ifupdown-ng and BusyBox
// read. Only ifupdown's has a unit.
func (t tree) ifupdown(ifname string) (*Owner, error) {
	unit, _ := t.unit("networking.service")
	if unit == "" && !t.program("ifup") {
		return nil, nil
	}
	queue := []string{"/etc/network/interfaces"}
	var errs []error
	for i := 0; i < len(queue); i++ {
		if i == maxSources {
			return nil, errors.Join(append(errs, fmt.Errorf("%s takes in more than %d files", queue[0], maxSources))...)
		}
		text, err := t.read(queue[i])
		errs = append(errs, err)
		line, sources := stanzas(text, ifname)
		if line > 0 {
			return &Owner{Tool: "ifupdown", File: queue[i], Line: line, Unit: unit}, errors.Join(errs...)
		}
		for _, s := range sources {
			paths, err := t.taken(s, filepath.Dir(queue[i]))
			errs = append(errs, err)
			for _, p := range paths {
				if !slices.Contains(queue, p) {
					queue = append(queue, p)
				}
			}
		}
	}
	return nil, errors.Join(errs...)
}

// source is a line that takes in other files.
type source struct {
	pattern   string
	directory bool
}

// stanzas finds the line that names the interface, 0 if none does, and the
// lines that take in other files.
func stanzas(text, ifname string) (line int, sources []source) {
	for n, l := range logicalLines(text) {
		words := strings.Fields(l)
		if len(words) < 2 || strings.HasPrefix(words[0], "#") {
			continue
		}
		switch keyword := words[0]; {
		case keyword == "iface" && words[1] == ifname,
			(keyword == "auto" || strings.HasPrefix(keyword, "allow-")) && slices.Contains(words[1:], ifname):
			return n, sources
		case keyword == "source":
			for _, w := range words[1:] {
				sources = append(sources, source{pattern: w})
			}
		case keyword == "source-directory":
			sources = append(sources, source{pattern: words[1], directory: true})
		}
	}
	return 0, sources
}

// taken lists the files of a source line. A pattern is followed in its last
// part only. Of a directory those count whose names have nothing but letters,
// digits, "_" and "-" (interfaces(5)).
func (t tree) taken(s source, dir string) (paths []string, err error) {
	path := s.pattern
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	if !s.directory && !strings.ContainsAny(path, "*?[") {
		return []string{filepath.Clean(path)}, nil
	}
	pattern := "*"
	if !s.directory {
		path, pattern = filepath.Split(path)
	}
	if strings.ContainsAny(path, "*?[") {
		return nil, fmt.Errorf("cannot follow the pattern %q", s.pattern)
	}
	names, err := t.names(path)
	for _, name := range names {
		match, bad := filepath.Match(pattern, name)
		if bad != nil {
			return nil, fmt.Errorf("cannot follow the pattern %q: %w", s.pattern, bad)
		}
		odd := s.directory && strings.Trim(name, wordChars) != ""
		if match && !odd && !(strings.HasPrefix(name, ".") && !strings.HasPrefix(pattern, ".")) {
			paths = append(paths, filepath.Join(path, name))
		}
	}
	return paths, err
}

const wordChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
