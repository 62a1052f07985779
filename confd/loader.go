package confd

import (
	"errors"
	"io/fs"
	"sync"

	"mvdan.cc/sh/v3/syntax"
)

// Loader is Load for many guests at one time: files that guests share, which
// are those that are ever given before the last, are read and understood once.
// It may be used by several goroutines, and is not to be kept, as it notices no
// change.
type Loader struct {
	mu      sync.Mutex // guards shared
	shared  map[string]func() ([]statement, error)
	parsers sync.Pool // of *syntax.Parser, with their buffers
}

// Load is like the function of that name.
func (l *Loader) Load(files []string, preset map[string]string) (*Config, error) {
	r := &reader{parser: l.parser(), env: newEnvironment(preset)}
	defer l.parsers.Put(r.parser)
	for i, name := range files {
		last := i == len(files)-1
		program, err := l.program(name, last, r.parser)
		if errors.Is(err, fs.ErrNotExist) && !last {
			continue
		}
		if err == nil {
			err = r.take(name, program)
		}
		if err != nil {
			return nil, err
		}
	}
	return r.config(), nil
}

func (l *Loader) parser() *syntax.Parser {
	if p, ok := l.parsers.Get().(*syntax.Parser); ok {
		return p
	}
	return newParser()
}

// program is what a file says. The last one of a guest is its own unless it
// was not the last before: of a guest without one, the last is shared.
func (l *Loader) program(name string, last bool, parser *syntax.Parser) ([]statement, error) {
	l.mu.Lock()
	once := l.shared[name]
	if once == nil && !last {
		if l.shared == nil {
			l.shared = map[string]func() ([]statement, error){}
		}
		once = sync.OnceValues(func() ([]statement, error) { return understood(newParser(), name) })
		l.shared[name] = once
	}
	l.mu.Unlock()
	if once == nil {
		return understood(parser, name)
	}
	return once()
}

// understood reads a file and understands it.
func understood(parser *syntax.Parser, name string) ([]statement, error) {
	src, err := readFile(name)
	if err != nil {
		return nil, err
	}
	return understand(parser, name, src)
}
