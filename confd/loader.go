package confd

import (
	"errors"
	"io/fs"
	"sync"

	"mvdan.cc/sh/v3/syntax"
)

// Loader is Load for many guests at one time: the files before the last, which
// guests share, are read and understood once. It may be used by several
// goroutines, and is not to be kept, as it notices no change.
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
		if i == len(files)-1 {
			src, err := readFile(name)
			if err == nil {
				err = r.read(name, src)
			}
			if err != nil {
				return nil, err
			}
			continue
		}
		program, err := l.once(name)()
		if errors.Is(err, fs.ErrNotExist) {
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

// once returns what reads and understands a file at its first call.
func (l *Loader) once(name string) func() ([]statement, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shared == nil {
		l.shared = map[string]func() ([]statement, error){}
	}
	if l.shared[name] == nil {
		l.shared[name] = sync.OnceValues(func() ([]statement, error) {
			src, err := readFile(name)
			if err != nil {
				return nil, err
			}
			return understand(newParser(), name, src)
		})
	}
	return l.shared[name]
}
