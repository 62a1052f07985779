package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/guestrc/guestrc/metrics"
	"github.com/guestrc/guestrc/pidfile"
)

func metricsVerb(ctx context.Context, e *env, _ []string) error {
	all, err := e.survey(ctx, true, nil)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("cannot ask all guests: %w", err)
	}
	var text bytes.Buffer
	if err := metrics.Write(&text, release, all); err != nil {
		return err
	}
	if e.flags.Changed("output") {
		file, _ := e.flags.GetString("output")
		return replace(file, text.Bytes())
	}
	if _, err := e.stdout.Write(text.Bytes()); err != nil {
		return fmt.Errorf("cannot print the metrics: %w", err)
	}
	return nil
}

// replace makes text the content of a file that everybody may read, at once and
// whole: it may be read at any time.
func replace(file string, text []byte) error {
	dir, err := os.Open(filepath.Dir(file))
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", file, err)
	}
	defer dir.Close()
	return pidfile.WriteFile(dir, filepath.Base(file), text, 0o644)
}
