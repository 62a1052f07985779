package main

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/guestrc/guestrc/history/plot"
	"github.com/guestrc/guestrc/shutdown"
)

// culprit is a guest in the JSON of blame.
type culprit struct {
	Guest  string            `json:"guest"`
	Took   shutdown.Duration `json:"seconds"`
	Waited shutdown.Duration `json:"waited_seconds"` // until it was its turn; not in seconds
	Result plot.Result       `json:"result"`
	By     string            `json:"by,omitempty"`
	How    string            `json:"how"`
}

// verdict is the JSON of blame.
type verdict struct {
	Version  int               `json:"version"`
	What     string            `json:"what"`
	ID       string            `json:"id"`
	Began    time.Time         `json:"began"`
	Took     shutdown.Duration `json:"seconds"`
	Deadline time.Time         `json:"deadline,omitzero"`
	Battery  bool              `json:"battery,omitempty"`
	Guests   []culprit         `json:"guests"`
}

// blame tells what plot draws, the slowest first.
func blame(_ context.Context, e *env, args []string) error {
	scene, err := e.scene(args)
	if err != nil {
		return err
	}
	bars := make([]*plot.Bar, len(scene.Bars))
	for i := range bars {
		bars[i] = &scene.Bars[i]
	}
	slices.SortFunc(bars, func(a, b *plot.Bar) int {
		return cmp.Or(cmp.Compare(b.Took, a.Took), naturally(a.Guest, b.Guest))
	})
	if e.wantJSON() {
		v := verdict{Version: 1, What: scene.What, ID: scene.ID, Began: scene.Began, Took: shutdown.Duration(scene.Took()), Deadline: scene.Deadline, Battery: scene.Battery}
		for _, b := range bars {
			v.Guests = append(v.Guests, culprit{b.Guest, shutdown.Duration(b.Took), shutdown.Duration(b.Waited), b.Result, b.By, b.How()})
		}
		return e.printJSON(v)
	}
	columns := []column{{title: "TIME", right: true}, {title: "WAITED", right: true, spare: 1}, {title: "GUEST"}, {title: "HOW", least: 20}}
	var rows [][]string
	for _, b := range bars {
		waited := "-"
		if b.Waited > 0 {
			waited = plot.Span(b.Waited)
		}
		rows = append(rows, []string{plot.Span(b.Took), waited, clean(b.Guest), line(b.How())})
	}
	return e.printLines(append(layOut(columns, rows, e.out.width), "", scene.Title()+": "+scene.Summary()))
}
