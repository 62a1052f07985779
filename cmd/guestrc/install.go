package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guestrc/guestrc/bridge/owner"
	"github.com/guestrc/guestrc/bridge/service"
	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/deps"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/host"
	"github.com/guestrc/guestrc/initd"
	"github.com/guestrc/guestrc/manifest"
	"github.com/guestrc/guestrc/units"
)

// stepWords are what was done to a file, and what would be.
var stepWords = map[manifest.Step][2]string{
	manifest.Write:   {"installed", "would be installed"},
	manifest.Replace: {"replaced by this version's", "would be replaced by this version's"},
	manifest.Keep:    {"is as it should be", "is as it should be"},
	manifest.Leave:   {"was edited, and is left as it is", "was edited, and would be left as it is"},
	manifest.Remove:  {"removed", "would be removed"},
	manifest.Forget:  {"was gone already", "is gone already"},
}

func install(ctx context.Context, e *env, _ []string) error {
	s, err := e.systems()
	if err != nil {
		return err
	}
	defer s.tree.Close()
	which, err := e.installed(s)
	if err != nil {
		return err
	}
	binary, err := e.binary()
	if err != nil {
		return err
	}
	files, err := installation(binary)
	if err != nil {
		return err
	}
	wanted := slices.Concat(files[""], files[which[0]])
	if len(which) > 1 {
		wanted = append(wanted, files[which[1]]...)
	}
	var known []string // of either init system: others are of another version
	for _, list := range files {
		for _, f := range list {
			known = append(known, f.Path)
		}
	}
	if dry, _ := e.flags.GetBool("dry-run"); dry {
		return e.planInstall(s.tree, wanted, known)
	}
	m, err := e.openInstalled(s)
	if err != nil {
		return err
	}
	var done steps
	err = errors.Join(m.Install(wanted, done.said(e)), m.Uninstall(outdated(m, known), done.said(e)), m.Close())
	if done.changed {
		err = errors.Join(err, e.reload(ctx, s, which))
	}
	err = errors.Join(err, e.tellOwners())
	if !s.tree.Exists(binary) {
		e.out.warn(&guest.Error{Msg: fmt.Sprintf("%s is not there, and is what services run", e.house.Layout.At(binary)),
			Hint: "install -D -m 755 guestrc " + e.house.Layout.At(binary)})
	}
	return err
}

// installation is all files, by init system; "" has those that do not depend on
// one.
func installation(binary string) (map[string][]manifest.File, error) {
	ofUnits, err := units.Installation(binary)
	if err != nil {
		return nil, err
	}
	shared, err := sampleOf(hostConf, host.Vars, hostIntro)
	if err != nil {
		return nil, err
	}
	samples := []manifest.File{shared}
	for _, k := range kinds() {
		f, err := sampleOf(k.Name(), k.Vars(), sampleIntro)
		if err != nil {
			return nil, err
		}
		samples = append(samples, f)
	}
	return map[string][]manifest.File{"": samples, openrcName: initd.Installation(binary), systemdName: ofUnits}, nil
}

// sampleOf is a conf.d file without effect.
func sampleOf(name string, table confd.Table, intro string) (manifest.File, error) {
	var text bytes.Buffer
	err := table.Sample(&text, fmt.Sprintf(intro, name))
	return manifest.File{Path: "/etc/conf.d/" + name, Content: text.String(), Mode: 0o644, Sample: true}, err
}

// binaryDirs are where the program is expected to stay.
var binaryDirs = []string{"/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/bin", "/sbin"}

// binary is the path of the program that services are to run.
func (e *env) binary() (string, error) {
	if e.root != "/" {
		return "/usr/bin/guestrc", nil
	}
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("cannot tell where guestrc is: %w", err)
	}
	path = strings.TrimSuffix(path, " (deleted)") // proc_pid_exe(5): replaced while it runs
	if !slices.Contains(binaryDirs, filepath.Dir(path)) && !strings.HasPrefix(path, "/opt/") {
		return "", &guest.Error{Status: guest.StatusFailed, Msg: fmt.Sprintf("cannot install: services would depend on %s, which is no place for a program to stay", path),
			Hint: fmt.Sprintf("install -m 755 %s /usr/bin/guestrc, and run that", shellQuote(path))}
	}
	return path, nil
}

// outdated are files of ours that this version does not have.
func outdated(m *manifest.Manifest, known []string) []string {
	return slices.DeleteFunc(m.Paths(), func(path string) bool { return slices.Contains(known, path) })
}

// steps notes whether anything was changed.
type steps struct{ changed bool }

func (s *steps) said(e *env) func(path string, step manifest.Step) {
	return func(path string, step manifest.Step) {
		e.out.info(e.house.Layout.At(path) + " " + stepWords[step][0])
		s.changed = s.changed || step == manifest.Write || step == manifest.Replace || step == manifest.Remove
	}
}

func (e *env) planInstall(tree *manifest.Tree, files []manifest.File, known []string) error {
	m, err := manifest.Read(tree)
	if err != nil {
		return err
	}
	var errs []error
	for _, f := range files {
		step, err := m.Plan(f)
		errs = append(errs, e.saidOfPlan(f.Path, step, err))
	}
	for _, path := range outdated(m, known) {
		step, err := m.PlanRemoval(path)
		errs = append(errs, e.saidOfPlan(path, step, err))
	}
	return errors.Join(errs...)
}

func (e *env) saidOfPlan(path string, step manifest.Step, err error) error {
	if err == nil {
		fmt.Fprintln(e.stdout, clean(e.house.Layout.At(path)+" "+stepWords[step][1]))
	}
	return err
}

// openInstalled takes the manifest's lock.
func (e *env) openInstalled(s *systems) (*manifest.Manifest, error) {
	m, err := manifest.Open(s.tree)
	if denied(err) {
		return nil, &guest.Error{Status: guest.StatusRefused, Msg: "cannot " + e.verb.name, Err: err, Hint: "run as root"}
	}
	return m, err
}

// reload tells the init systems that run of new files.
func (e *env) reload(ctx context.Context, s *systems, which []string) error {
	var errs []error
	if slices.Contains(which, openrcName) {
		errs = append(errs, s.openrc.Refresh(ctx))
	}
	if slices.Contains(which, systemdName) {
		errs = append(errs, s.systemd.Reload(ctx))
	}
	return errors.Join(errs...)
}

// tellOwners says which bridges of guests another tool is in charge of. Guests
// whose files are faulty say so elsewhere.
func (e *env) tellOwners() error {
	names, err := e.names()
	if err != nil {
		return err
	}
	services, _ := e.services(names)
	var bridges []string
	for i, n := range names {
		if n.Kind == service.Kind {
			bridges = append(bridges, n.Instance)
		}
		for _, d := range services[i].Dependencies {
			if d.Sort == deps.Bridge {
				bridges = append(bridges, d.Name)
			}
		}
	}
	slices.Sort(bridges)
	var errs []error
	for _, name := range slices.Compact(bridges) {
		owners, err := owner.Of(e.root, name)
		errs = append(errs, err)
		for _, o := range owners {
			e.out.info(fmt.Sprintf("net.%s is %s's (%s): left alone", name, o.Tool, o.Place()))
		}
	}
	return errors.Join(errs...)
}

func uninstall(ctx context.Context, e *env, _ []string) error {
	s, err := e.systems()
	if err != nil {
		return err
	}
	defer s.tree.Close()
	if err := e.unused(ctx, s); err != nil {
		return err
	}
	m, err := manifest.Read(s.tree)
	if err != nil {
		return err
	}
	if m.Empty() {
		e.out.info("guestrc install has installed nothing here")
		return nil
	}
	if dry, _ := e.flags.GetBool("dry-run"); dry {
		return e.planInstall(s.tree, nil, nil)
	}
	if m, err = e.openInstalled(s); err != nil {
		return err
	}
	if left, err := s.openrc.DisableGate(ctx); err != nil {
		return errors.Join(err, m.Close())
	} else if len(left) > 0 {
		e.out.info(fmt.Sprintf("%s: taken out of the runlevel %s", initd.Gate, strings.Join(left, ", ")))
	}
	var done steps
	err = errors.Join(m.Uninstall(m.Paths(), done.said(e)), m.Close())
	if done.changed {
		err = errors.Join(err, e.reload(ctx, s, []string{openrcName, systemdName}))
	}
	if err == nil {
		e.out.info("the program itself and what describes guests stay")
	}
	return err
}

// unused is an error while services or guests need what is installed.
func (e *env) unused(ctx context.Context, s *systems) error {
	links, err := s.openrc.Links()
	if err != nil {
		return err
	}
	var adopted, linked []string
	for _, name := range links {
		was, err := s.openrc.Adopted(name)
		switch {
		case err != nil:
			return err
		case was != "":
			adopted = append(adopted, name)
		default:
			linked = append(linked, name)
		}
	}
	enabled, err := s.systemd.Enabled()
	if err != nil {
		return err
	}
	names, err := e.names()
	if err != nil {
		return err
	}
	var running []string
	for i, st := range e.statuses(ctx, names) {
		if e.isUp(s, names[i], st) {
			running = append(running, st.Guest)
		}
	}
	return errors.Join(
		stillThere(running, "run", "guestrc stop"),
		stillThere(linked, "are services of OpenRC", "guestrc disable --init openrc"),
		stillThere(adopted, "were another script's services, and are guestrc's", "guestrc adopt --undo"),
		stillThere(enabled, "are enabled under systemd", "guestrc disable --init systemd"))
}

// isUp is mayRun for bridges too. One that is there may be somebody else's doing.
func (e *env) isUp(s *systems, n guest.Name, st guest.Status) bool {
	if n.Kind == service.Kind {
		return st.Code == guest.StateRunning && s.touched(n) && service.Owned(e.house.Layout, n) == nil
	}
	return s.mayRun(n, st)
}

func stillThere(names []string, are, hint string) error {
	if len(names) == 0 {
		return nil
	}
	list := strings.Join(names, " ")
	return &guest.Error{Status: guest.StatusRefused, Msg: fmt.Sprintf("cannot uninstall: these %s: %s", are, list), Hint: hint + " " + list}
}
