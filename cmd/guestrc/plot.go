package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/term"

	"github.com/guestrc/guestrc/history"
	"github.com/guestrc/guestrc/history/plot"
)

func plotVerb(_ context.Context, e *env, args []string) error {
	output, _ := e.flags.GetString("output")
	if f, ok := e.stdout.(*os.File); ok && output == "" && term.IsTerminal(int(f.Fd())) {
		return usage("cannot plot to a terminal: the picture is SVG, for a viewer or a browser", "guestrc plot --output shutdown.svg")
	}
	scene, err := e.scene(args)
	if err != nil {
		return err
	}
	var picture bytes.Buffer
	if err := scene.SVG(&picture); err != nil {
		return err
	}
	if output != "" {
		return replace(output, picture.Bytes())
	}
	if _, err := e.stdout.Write(picture.Bytes()); err != nil {
		return fmt.Errorf("cannot print the picture: %w", err)
	}
	return nil
}

// scene is the occasion that the flags --boot and --last ask for, of the guests
// named or of all.
func (e *env) scene(args []string) (plot.Scene, error) {
	names, err := e.guestNames(args)
	if err != nil {
		return plot.Scene{}, err
	}
	q := plot.Query{Last: 1}
	q.Boot, _ = e.flags.GetBool("boot")
	if text, _ := e.flags.GetString("last"); e.flags.Changed("last") {
		if q.Last, err = strconv.Atoi(text); err != nil || q.Last < 1 {
			return plot.Scene{}, usage(fmt.Sprintf("cannot count back by %q: it is no number from 1", text), "--last 1 is the last one, --last 2 the one before")
		}
	}
	for _, n := range names {
		q.Guests = append(q.Guests, n.String())
	}
	each := recent
	if q.Last > 1 {
		each = 0 // all that there are
	}
	entries, err := history.Store{Dir: e.house.Layout.HistoryDir()}.All(each)
	if err != nil && len(entries) == 0 {
		return plot.Scene{}, err
	}
	if err != nil {
		e.out.warn(err) // the rest tells enough
	}
	return plot.Select(entries, q)
}

// recent is how many entries of each guest the last occasion is looked for in: a
// thousand full histories take seconds to read.
const recent = 100
