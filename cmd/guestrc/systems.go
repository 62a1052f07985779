package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/initd"
	"github.com/guestrc/guestrc/manifest"
	"github.com/guestrc/guestrc/units"
)

// The init systems, as --init names them.
const (
	openrcName  = "openrc"
	systemdName = "systemd"
)

// initFlag overrides what is found.
var initFlag = flag{name: "init", value: "SYSTEM", help: "openrc, systemd or all, whatever is found"}

// systems are the init systems of the root.
type systems struct {
	tree    *manifest.Tree
	openrc  initd.Host
	systemd units.Host
}

func (e *env) systems() (*systems, error) {
	tree, err := manifest.OpenTree(e.root)
	if err != nil {
		return nil, err
	}
	s := &systems{tree, initd.Host{Tree: tree}, units.Host{Tree: tree, Root: e.root, Run: runProgram, Output: programOutput}}
	if e.root == "/" {
		s.openrc.Run = runProgram
	}
	return s, nil
}

// asked is what --init says; nil when it says nothing.
func (e *env) asked() ([]string, error) {
	switch name, _ := e.flags.GetString(initFlag.name); name {
	case "":
		return nil, nil
	case "all":
		return []string{openrcName, systemdName}, nil
	case openrcName, systemdName:
		return []string{name}, nil
	default:
		return nil, usage(fmt.Sprintf("cannot %s: there is no init system %q", e.verb.name, name), "--init openrc, --init systemd or --init all")
	}
}

// installed are the init systems that --init or the root names.
func (e *env) installed(s *systems) ([]string, error) {
	names, err := e.asked()
	if names != nil || err != nil {
		return names, err
	}
	if s.openrc.Installed() {
		names = append(names, openrcName)
	}
	if s.systemd.Installed() {
		names = append(names, systemdName)
	}
	if len(names) == 0 {
		return nil, &guest.Error{Status: guest.StatusNotInstalled, Msg: fmt.Sprintf("cannot %s: there is neither OpenRC nor systemd below %s", e.verb.name, e.root),
			Hint: "name it: --init openrc or --init systemd"}
	}
	return names, nil
}

// inCharge are the init systems that --init names, or the one that runs, or the
// only one that is installed.
func (e *env) inCharge(s *systems) ([]string, error) {
	names, err := e.asked()
	switch {
	case names != nil || err != nil:
		return names, err
	case s.openrc.Running():
		return []string{openrcName}, nil
	case s.systemd.Running():
		return []string{systemdName}, nil
	}
	names, err = e.installed(s)
	if len(names) > 1 {
		return nil, usage(fmt.Sprintf("cannot %s: both %s are installed below %s, and neither runs", e.verb.name, strings.Join(names, " and "), e.root),
			"name one: --init "+names[0])
	}
	return names, err
}

// goingDown tells whether an init system runs this program because the host goes
// down. What cannot be found out counts as no: a stop has its own limits.
func (e *env) goingDown(ctx context.Context) bool {
	if e.root != "/" {
		return false
	}
	if initd.GoingDown(e.getenv) {
		return true
	}
	s, err := e.systems()
	if err != nil {
		return false
	}
	defer s.tree.Close()
	return s.systemd.GoingDown(ctx, e.getenv)
}

// gatePatience is for a gate that somebody killed: what is not stopped by then
// is stopped in no order.
const gatePatience = 5 * time.Minute

// awaitGate is for the stop of one guest as the host goes down: the stop of all,
// if that is under way, goes first.
func (e *env) awaitGate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, gatePatience)
	defer cancel()
	if e.root != "/" || !initd.GoingDown(e.getenv) {
		return nil
	}
	s, err := e.systems()
	if err != nil {
		return err
	}
	defer s.tree.Close()
	return s.openrc.AwaitGate(ctx)
}

// denied tells whether err is for want of privilege.
func denied(err error) bool { return errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0 }

// programTime bounds what a program of an init system may take. A daemon-reload
// waits for all generators, to which systemd gives 90 s.
const programTime = 100 * time.Second

// runProgram runs a program of an init system; what it said is part of the
// error.
func runProgram(ctx context.Context, argv ...string) error {
	return runProgramFor(ctx, programTime, argv...)
}

func runProgramFor(ctx context.Context, patience time.Duration, argv ...string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	path, err := programPath(argv[0])
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, path, argv[1:]...)
	cmd.WaitDelay = time.Second // children that keep its output open do not delay us
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		text := ""
		if said := strings.TrimSpace(said.String()); said != "" {
			text = ": " + said
		}
		return fmt.Errorf("%s failed: %w%s", strings.Join(argv, " "), err, text)
	}
	return nil
}

// answerTime bounds what an init system may take to say how it is.
const answerTime = 10 * time.Second

// programOutput is what a program of an init system prints, whatever its exit
// status.
func programOutput(ctx context.Context, argv ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	path, err := programPath(argv[0])
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, path, argv[1:]...)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if errors.As(err, new(*exec.ExitError)) && ctx.Err() == nil {
		err = nil
	}
	if err != nil {
		return "", fmt.Errorf("%s failed: %w", strings.Join(argv, " "), err)
	}
	return string(out), nil
}

// programPath looks in PATH, then where such programs lie: sudo and su may
// leave those places out.
func programPath(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/sbin", "/usr/sbin", "/bin", "/usr/bin"} {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", &guest.Error{Status: guest.StatusNotInstalled, Msg: "cannot find " + name, Err: exec.ErrNotFound}
}
