package lxc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/lxc/confile"
	"github.com/guestrc/guestrc/shutdown"
)

// defaultSchedule is the ladder of a guest whose files say nothing of one.
const defaultSchedule = "halt/60/exec/20/KILL/5"

// verbs are the rungs that exist here, besides signals and forever.
var verbs = []string{"halt", "exec"}

// planner turns variables into a Container.
type planner struct {
	*confd.Settings
	c *Container
}

// configure understands conf.d and LXC's file. With an error comes the container
// without what that is about, nil where LXC's keys are not known.
func configure(l guest.Layout, n guest.Name, conf *confd.Config) (*Container, error) {
	p := &planner{confd.NewSettings(Vars, conf), &Container{Name: n, Layout: l, conf: conf}}
	if !p.Sound("lxcpath") || !p.Sound("CONFIGFILE") {
		return nil, p.Err() // and no other file is looked for
	}
	if err := p.locate(); err != nil {
		return nil, errors.Join(p.Err(), err)
	}
	file, err := confile.Load(p.c.ConfigFile)
	if err != nil {
		return nil, errors.Join(p.Err(), err)
	}
	p.extraArgs(file)
	p.c.file = file
	p.c.Rootfs = rootfsOf(file)
	_, p.c.Shares = file.Get("lxc.namespace.share.net")
	p.log()
	p.readiness()
	p.start()
	p.stop()
	p.c.warnings = slices.Concat(p.Warnings, p.c.warnings, p.c.review())
	if !p.Sound("extra_args") {
		return nil, p.Err() // which may have keys
	}
	return p.c, p.Err()
}

// locate finds the directory of containers and the configuration file.
func (p *planner) locate() error {
	p.c.LXCPath = lxcPath(p.c.Layout)
	if p.Set("lxcpath") {
		p.c.LXCPath = filepath.Clean(p.Text("lxcpath"))
	}
	if p.Set("CONFIGFILE") {
		p.c.ConfigFile = p.Text("CONFIGFILE")
		return nil
	}
	places := places(p.c.Layout, p.c.LXCPath, p.c.instance())
	var found []string
	for _, path := range places {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			found = append(found, path)
		}
	}
	if len(found) == 0 {
		return &guest.Error{Status: guest.StatusNotConfigured, Msg: "cannot find LXC's configuration of " + p.c.Name.String(),
			Err:  fmt.Errorf("none of these exists: %s", strings.Join(places, ", ")),
			ID:   "GR100",
			Hint: "name it with CONFIGFILE= in " + p.c.Layout.ConfFiles(p.c.Name)[1]}
	}
	if len(found) > 1 {
		p.Warn("CONFIGFILE", "CONFIGFILE="+found[0]+" says which is meant", "taken from %s; there is %s too", found[0], strings.Join(found[1:], ", ")).WithID("GR103")
	}
	p.c.ConfigFile = found[0]
	return nil
}

// places are where a container's configuration may be, as Gentoo's and
// Alpine's scripts look for it.
func places(l guest.Layout, lxcpath, name string) []string {
	all := []string{filepath.Join(lxcpath, name+".conf"), filepath.Join(lxcpath, name, "config")}
	if etc := l.At("etc", "lxc"); etc != lxcpath {
		all = append(all, filepath.Join(etc, name+".conf"), filepath.Join(etc, name, "config"))
	}
	return all
}

// lxcPath is lxc.lxcpath of LXC's system configuration (lxc.system.conf(5)).
func lxcPath(l guest.Layout) string {
	system, err := confile.Load(l.At("etc", "lxc", "lxc.conf"))
	if err == nil { // it is usually missing, and its faults are LXC's to tell
		if e, ok := system.Get("lxc.lxcpath"); ok {
			return filepath.Clean(e.Value)
		}
	}
	return l.At("var", "lib", "lxc")
}

// log finds where LXC is to log: to its own file, if it has one.
func (p *planner) log() {
	p.c.LogFile, p.c.LogLevel = p.c.Layout.LogFile(p.c.Name), p.Text("loglevel")
	if _, own := p.c.file.Get("lxc.log.level"); own && !p.Set("loglevel") {
		p.c.LogLevel = ""
	}
	if e, ok := p.c.file.Get("lxc.log.file"); ok {
		p.c.LogFile = e.Value
	}
	if p.Set("logdir") {
		p.c.LogFile = filepath.Join(p.Text("logdir"), p.c.Name.String()+".log")
	}
	if p.Set("logfile") {
		p.c.LogFile = p.Text("logfile")
	}
}

// ours are lxc-start's options that guestrc gives it, or that would keep it from
// going into the background.
var ours = []string{"-P", "-n", "-f", "-d", "-F", "-o", "-p", "--lxcpath", "--name", "--rcfile", "--daemon", "--foreground", "--logfile", "--pidfile"}

// extraArgs are more of lxc-start's, of which -s KEY=VALUE belongs to the
// configuration.
func (p *planner) extraArgs(file *confile.Config) {
	p.c.ExtraArgs = p.Words("extra_args")
	for i, arg := range p.c.ExtraArgs {
		name, value, _ := strings.Cut(arg, "=")
		switch {
		case slices.Contains(ours, name), len(arg) > 2 && slices.Contains(ours, arg[:2]) && arg[1] != '-':
			p.Fail("extra_args", "take it out", "%s is guestrc's to say", name).WithID("GR102")
			continue
		case arg == "-s" && i+1 < len(p.c.ExtraArgs):
			value = p.c.ExtraArgs[i+1]
		case name == "--define":
		case strings.HasPrefix(arg, "-s"):
			value = arg[2:]
		default:
			continue
		}
		defined, err := confile.Parse("extra_args", []byte(value+"\n"))
		if err != nil {
			p.Fail("extra_args", "-s KEY=VALUE", "%v", err).WithID("GR102")
			continue
		}
		file.Entries = append(file.Entries, defined.Entries...)
	}
}

func (p *planner) start() {
	arch := p.Text("arch")
	if _, own := p.c.file.Get("lxc.arch"); own && arch == "auto" {
		return
	}
	if arch == "auto" {
		arch = p.c.Rootfs.personality(p.c.initCommand())
	}
	p.c.Arch = arch
}

// stop works out the schedule and what its rungs need.
func (p *planner) stop() {
	text := defaultSchedule
	switch {
	case p.Set("stop_schedule"):
		text = p.Text("stop_schedule")
		if p.Set("TIMEOUT") {
			p.Warn("TIMEOUT", "take it out, or stop_schedule", "ignored: stop_schedule is set").WithID("GR103")
		}
	case p.Set("TIMEOUT"):
		text = strings.Replace(text, "halt/60", "halt/"+strconv.Itoa(int(p.Seconds("TIMEOUT")/time.Second)), 1)
	}
	schedule, err := shutdown.Parse(text, verbs...)
	if err != nil {
		var syntax *shutdown.SyntaxError
		hint := ""
		if errors.As(err, &syntax) {
			hint = syntax.HintText()
		}
		p.Fail("stop_schedule", hint, "%v", err).WithID("GR102")
	}
	p.c.Schedule = schedule
	p.c.Stop = StopPolicy{
		Schedule: schedule.String(), Exec: p.Words("exec_command"),
		Halt:   p.signal("POWEROFF_SIGNAL", "lxc.signal.halt"),
		Reboot: p.signal("RESTART_SIG", "lxc.signal.reboot"),
	}
}

// signal is what the administrator chose: LXC's key goes before the variable.
func (p *planner) signal(variable, key string) int {
	chosen := 0
	if p.Set(variable) {
		n, err := parseSignal(p.Text(variable))
		if err != nil {
			p.Fail(variable, "a name such as SIGPWR or SIGRTMIN+3", "%v", err).WithID("GR102")
		}
		chosen = n
	}
	if p.c.file == nil {
		return chosen
	}
	e, ok := p.c.file.Get(key)
	if !ok {
		return chosen
	}
	n, err := parseSignal(e.Value)
	if err != nil {
		p.c.warnings = append(p.c.warnings, problem(e.Pos, "a name such as SIGPWR or SIGRTMIN+3", "%s: %v", key, err).WithID("GR102"))
		return chosen
	}
	if chosen != 0 && chosen != n {
		p.Warn(variable, "take it out, or "+key+" in "+e.Pos.String(), "ignored: %s is %s", key, e.Value).WithID("GR103")
	}
	return n
}

// parseSignal reads a signal as LXC does (lxc.container.conf(5)): by number,
// by name, or counted from SIGRTMIN or SIGRTMAX, which are glibc's 34 and 64.
func parseSignal(text string) (int, error) {
	if n, err := strconv.Atoi(text); err == nil {
		if n < 1 || n > 64 {
			return 0, fmt.Errorf("there is no signal %d", n)
		}
		return n, nil
	}
	name := strings.ToUpper(text)
	if offset, ok := strings.CutPrefix(strings.TrimPrefix(name, "SIG"), "RTMAX"); ok {
		n, err := strconv.Atoi(offset)
		if offset == "" {
			n, err = 0, nil
		}
		if err != nil || n > 0 || n < -30 {
			return 0, fmt.Errorf("cannot read signal %q", text)
		}
		return 64 + n, nil
	}
	if strings.TrimPrefix(name, "SIG") == "RTMIN" {
		name += "+0"
	}
	_, sig, err := shutdown.ParseSignal(name)
	return int(sig), err
}

// problem is an error at a place in LXC's configuration.
func problem(at confile.Pos, hint, format string, args ...any) *confd.Error {
	e := confd.Errorf(at, format, args...)
	e.Hint = hint
	return e
}

// initCommand is the path of the program that becomes PID 1.
func (c *Container) initCommand() string {
	if e, ok := c.file.Get("lxc.init.cmd"); ok {
		if words := strings.Fields(e.Value); len(words) > 0 {
			return words[0]
		}
	}
	return "/sbin/init"
}
