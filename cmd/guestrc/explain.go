package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"strings"
	"time"

	"github.com/guestrc/guestrc/explain"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/history"
	"github.com/guestrc/guestrc/host"
	"github.com/guestrc/guestrc/units"
)

// explained is one guest in --json.
type explained struct {
	Guest    string         `json:"guest"`
	Running  bool           `json:"running"`
	Severity string         `json:"severity"`
	Text     string         `json:"text"`
	Schedule string         `json:"stop_schedule"`
	Reasons  []guest.Reason `json:"reasons"`
}

func explainVerb(ctx context.Context, e *env, args []string) error {
	all := []explained{} // JSON's [] when there is none
	err := e.each(ctx, args, func(n guest.Name) error {
		one, err := e.explain(ctx, n)
		if err == nil {
			all = append(all, one)
		}
		return err
	})
	if e.wantJSON() {
		return errors.Join(e.printJSON(map[string]any{"version": 1, "guests": all}), err)
	}
	for i, one := range all {
		if i > 0 {
			fmt.Fprintln(e.stdout)
		}
		e.printExplained(one)
	}
	return err
}

func (e *env) explain(ctx context.Context, n guest.Name) (explained, error) {
	plan, seen, running, err := e.house.Explain(ctx, n)
	if err != nil {
		return explained{}, err
	}
	f := explain.Facts{Guest: n.String(), Schedule: plan.Schedule, Seen: seen, Unit: e.unitTime(ctx, n)}
	past, err := history.Store{Dir: e.house.Layout.HistoryDir()}.Read(n.String())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		e.out.warn(err)
	}
	f.Past = past
	settings, _, err := host.Load(e.house.Layout)
	if err != nil {
		e.out.warn(err)
	}
	f.Budget, f.Battery = settings.Budget, settings.BatteryBudget
	severity, text := f.Verdict(running)
	one := explained{n.String(), running, severity, text, plan.Stop, f.Rows()}
	if one.Reasons == nil {
		one.Reasons = []guest.Reason{}
	}
	return one, nil
}

// unitPatience is for a systemd that is busy: the answer is one fact of many.
const unitPatience = 2 * time.Second

// unitTime is the TimeoutStopSec of a guest's unit, where systemd has one
// loaded; else 0.
func (e *env) unitTime(ctx context.Context, n guest.Name) time.Duration {
	s, err := e.systems()
	if err != nil {
		return 0
	}
	defer s.tree.Close()
	if !s.systemd.Running() || e.root != "/" {
		return 0
	}
	path, err := programPath("systemctl")
	if err != nil {
		return 0
	}
	ctx, cancel := context.WithTimeout(ctx, unitPatience)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "show", "--value", "-p", "LoadState", "-p", "TimeoutStopUSec", units.Name(n.Kind, n.Instance)).Output()
	if err != nil || !bytes.Contains(out, []byte("loaded")) {
		return 0
	}
	for line := range strings.Lines(string(out)) {
		if d, err := time.ParseDuration(strings.ReplaceAll(strings.TrimSpace(strings.ReplaceAll(line, "min", "m")), " ", "")); err == nil {
			return d
		}
	}
	return 0
}

// printExplained is the answer for people: the verdict, then what it comes from.
func (e *env) printExplained(one explained) {
	how := "as its files are"
	if one.Running {
		how = "as it runs now"
	}
	fmt.Fprintf(e.stdout, "%s, %s: %s\n  stop_schedule %s\n", one.Guest, how, line(one.Text), one.Schedule)
	for _, r := range one.Reasons {
		rung := r.Rung
		if rung == "" {
			rung = "-"
		}
		fmt.Fprintf(e.stdout, "  %-6s %-8s  %s\n", line(rung), r.Severity, line(r.Text))
		if r.Hint != "" {
			fmt.Fprintf(e.stdout, "                   hint: %s\n", line(r.Hint))
		}
	}
}
