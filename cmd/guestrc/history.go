package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/history"
	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/shutdown"
)

// past is what became of one guest.
type past struct {
	Guest   string          `json:"guest"`
	Entries []history.Entry `json:"entries"`
}

func historyVerb(ctx context.Context, e *env, args []string) error {
	limit := 0
	if text, _ := e.flags.GetString("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return usage(fmt.Sprintf("cannot read --limit=%s: it takes a number from 1 on", text), "guestrc help history")
		}
		limit = n
	}
	all := []past{} // JSON's [] when there is none
	err := e.each(ctx, args, func(n guest.Name) error {
		p, err := e.past(ctx, n, limit)
		if err == nil {
			all = append(all, p)
		}
		return err
	})
	if e.wantJSON() {
		return errors.Join(e.printJSON(map[string]any{"version": 1, "guests": all}), err)
	}
	boot, _ := pidfile.BootID() // unknown: nothing is said of restarts of the host
	for i, p := range all {
		if len(args) > 1 && i > 0 {
			fmt.Fprintln(e.stdout)
		}
		if len(args) > 1 && len(p.Entries) > 0 {
			fmt.Fprintf(e.stdout, "%s:\n", p.Guest)
		}
		for _, text := range p.lines(boot) {
			fmt.Fprintln(e.stdout, line(text))
		}
	}
	return err
}

// past reads the history of n, once an end that nobody has seen is part of it.
func (e *env) past(ctx context.Context, n guest.Name, limit int) (past, error) {
	p := past{Guest: n.String(), Entries: []history.Entry{}}
	_, unknown := e.house.Status(ctx, n, false)
	if unknown == nil {
		e.statusOf(ctx, n)
	}
	entries, err := history.Store{Dir: e.house.Layout.HistoryDir()}.Last(n.String(), limit)
	if damage := new(history.DamagedError); errors.As(err, &damage) {
		e.out.warn(err)
		err = nil
	}
	if len(entries) == 0 { // one that is described no more may have a past
		return p, errors.Join(unknown, err)
	}
	p.Entries = entries
	return p, err
}

const timeForm = "2006-01-02 15:04:05"

// lines are the history for people: one for each entry, and one for each rung of
// a stop that was not a plain one.
func (p past) lines(boot string) (lines []string) {
	if len(p.Entries) == 0 {
		return []string{p.Guest + ": nothing has happened yet"}
	}
	ran := "" // the boot in which the guest was last seen to run
	for _, e := range p.Entries {
		if ran != "" && e.BootID != "" && e.BootID != ran && !(e.Event == history.End && e.Cause == guest.CauseHost) {
			lines = append(lines, unseen)
		}
		lines = append(lines, e.At.Local().Format(timeForm)+"  "+tell(e))
		lines = append(lines, rungs(e)...)
		switch {
		case e.Event == history.Start && e.Up.IsZero(), e.Event == history.Stop && e.Stop != nil && !e.Stop.Down:
		case e.Event == history.Start && e.Error == "":
			ran = e.BootID
		case e.Event == history.Start, e.Event == history.Stop, e.Event == history.End:
			ran = ""
		}
	}
	if ran != "" && boot != "" && boot != ran {
		lines = append(lines, unseen)
	}
	return lines
}

// unseen stands where a boot of the host ends with the guest running.
var unseen = strings.Repeat(" ", len(timeForm)) + "  the host went down while it ran; nobody saw how it ended"

// tell words one entry.
func tell(e history.Entry) string {
	var b strings.Builder
	if e.Occasion != nil {
		b.WriteString(occasions(e.Occasion.What))
	}
	if e.About {
		b.WriteString("noticed: ")
	}
	took := seconds(e.At.Sub(e.Began))
	switch e.Event {
	case history.Start:
		b.WriteString(tellStart(e, took))
	case history.Reset:
		b.WriteString("its reset button was pressed")
	case history.Reboot:
		fmt.Fprintf(&b, "rebooted, down after %s", took)
	default:
		b.WriteString(e.Text)
		if e.Error != "" && e.Stop != nil && e.Stop.Down {
			b.WriteString("; " + e.Error)
		}
	}
	if e.Cause != "" {
		fmt.Fprintf(&b, " [%s]", e.Cause)
	}
	return b.String()
}

func tellStart(e history.Entry, took string) string {
	pid := fmt.Sprintf(" (pid %d)", e.PID)
	words := "started"
	if !e.Fresh {
		words = "its start was completed"
	}
	switch {
	case e.Error != "" && !e.Up.IsZero():
		return words + pid + ", but: " + reason(e)
	case e.Error != "":
		return "start failed: " + reason(e)
	case e.Ready:
		return fmt.Sprintf("%s, ready after %s%s", words, took, pid)
	}
	return words + pid + ", " + e.Text
}

// reason is why a start failed, without what the line says already.
func reason(e history.Entry) string {
	return strings.TrimPrefix(e.Error, "cannot start "+e.Guest+": ")
}

func occasions(what string) string {
	switch what {
	case history.HostShutdown:
		return "host shutdown: "
	case history.StopAll:
		return "stop --all: "
	case history.StartAll:
		return "start --all: "
	}
	return ""
}

// rungs are those of a stop of which one line does not tell all.
func rungs(e history.Entry) (lines []string) {
	if e.Stop == nil || len(e.Stop.Rungs) == 1 && e.Stop.Rungs[0].Result == shutdown.Down && e.Stop.Rungs[0].Error == "" {
		return nil
	}
	for _, o := range e.Stop.Rungs {
		text := fmt.Sprintf("    %-8s  %-11s  %7s", o.Verb, o.Result, o.Took)
		said := slices.Clone(o.Notes)
		if o.Error != "" {
			said = append(said, strings.TrimPrefix(o.Error, shutdown.ErrAbsent.Error()+": "))
		}
		if len(said) > 0 {
			text += "  " + strings.Join(said, "; ")
		}
		lines = append(lines, text)
	}
	return lines
}

// endedVerb is what systemd calls once all of a guest's service has ended, with
// how it did in the environment (systemd.exec(5), "$EXIT_CODE").
const endedVerb = "__ended"

func ended(ctx context.Context, e *env, args []string) error {
	return e.each(ctx, args, func(n guest.Name) error {
		how, err := endingOf(e.getenv, e.now())
		if err != nil {
			return err
		}
		return e.house.Ended(ctx, n, how, &progress{e: e, name: n})
	})
}

// endingOf reads what systemd tells of the service's main process.
func endingOf(getenv func(string) string, now time.Time) (how guest.Ending, err error) {
	code, status := getenv("EXIT_CODE"), getenv("EXIT_STATUS")
	switch code {
	case "":
		return how, nil // it is not the one who knows
	case "exited", "killed", "dumped":
		how.Exit = &pidfile.ExitStatus{Core: code == "dumped"}
	default:
		return how, usage(fmt.Sprintf("cannot read EXIT_CODE=%q", code), "systemd sets it, see systemd.exec(5)")
	}
	how.At = now
	if code == "exited" {
		how.Exit.Code, err = strconv.Atoi(status)
	} else {
		_, how.Exit.Signal, err = shutdown.ParseSignal(status)
	}
	switch result := getenv("SERVICE_RESULT"); result {
	case "oom-kill":
		how.Cause, how.Text = result, "the kernel, for want of memory"
	case "timeout", "watchdog":
		how.Cause, how.Text = result, "systemd ("+result+")"
	}
	if err != nil {
		return how, usage(fmt.Sprintf("cannot read EXIT_STATUS=%q: %v", status, err), "systemd sets it, see systemd.exec(5)")
	}
	return how, nil
}
