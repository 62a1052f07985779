package lxc

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/guest"
)

// files lays out files below a root and returns its layout.
func files(t testing.TB, content map[string]string) guest.Layout {
	t.Helper()
	root := t.TempDir()
	for name, text := range content {
		path := filepath.Join(root, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = os.WriteFile(path, []byte(strings.ReplaceAll(text, "ROOT", root)), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return guest.Layout{Root: root}
}

var web = guest.Name{Kind: "lxc", Instance: "web"}

// configured reads lxc.web with these lines of conf.d.
func configured(t *testing.T, l guest.Layout, conf string) (*Container, error) {
	t.Helper()
	c, err := confd.Parse("conf", []byte(strings.ReplaceAll(conf, "ROOT", l.Root)), nil)
	if err != nil {
		t.Fatal(err)
	}
	i, err := Kind{}.Configure(t.Context(), l, web, c)
	if err != nil {
		return nil, err
	}
	return i.(*Container), nil
}

func TestWhereTheConfigurationIsLookedFor(t *testing.T) {
	for _, c := range []struct {
		what  string
		files map[string]string
		conf  string
		want  string // below the root; empty: an error
		path  string // lxcpath
	}{
		{"LXC's directory", map[string]string{"var/lib/lxc/web/config": ""}, "", "var/lib/lxc/web/config", "var/lib/lxc"},
		{"Gentoo's other place", map[string]string{"var/lib/lxc/web.conf": ""}, "", "var/lib/lxc/web.conf", "var/lib/lxc"},
		{"Alpine's place", map[string]string{"etc/lxc/web.conf": ""}, "", "etc/lxc/web.conf", "var/lib/lxc"},
		{"Alpine's other place", map[string]string{"etc/lxc/web/config": ""}, "", "etc/lxc/web/config", "var/lib/lxc"},
		{"lxc.lxcpath", map[string]string{"etc/lxc/lxc.conf": "lxc.lxcpath = ROOT/srv/", "srv/web/config": ""}, "", "srv/web/config", "srv"},
		{"lxcpath", map[string]string{"srv/web/config": "", "var/lib/lxc/web/config": ""}, "lxcpath=ROOT/srv", "srv/web/config", "srv"},
		{"CONFIGFILE", map[string]string{"a/b": "", "var/lib/lxc/web/config": ""}, "CONFIGFILE=ROOT/a/b", "a/b", "var/lib/lxc"},
		{"nowhere", map[string]string{"var/lib/lxc/other/config": ""}, "", "", ""},
		{"CONFIGFILE that is not there", map[string]string{"var/lib/lxc/web/config": ""}, "CONFIGFILE=ROOT/a/b", "", ""},
	} {
		l := files(t, c.files)
		got, err := configured(t, l, c.conf)
		if c.want == "" {
			if err == nil {
				t.Errorf("%s: no error, but %s", c.what, got.ConfigFile)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		if got.ConfigFile != filepath.Join(l.Root, c.want) || got.LXCPath != filepath.Join(l.Root, c.path) {
			t.Errorf("%s: %s in %s, want %s in %s", c.what, got.ConfigFile, got.LXCPath, c.want, c.path)
		}
		if _, described := (Kind{}).Described(l, web); described != (c.conf == "" || strings.Contains(c.what, "CONFIGFILE") || c.what == "lxcpath") {
			t.Errorf("%s: described %v", c.what, described)
		}
	}
}

func TestTwoConfigurationsAreAWarning(t *testing.T) {
	l := files(t, map[string]string{"var/lib/lxc/web/config": "", "etc/lxc/web.conf": ""})
	c, err := configured(t, l, "")
	if err != nil || len(c.Warnings()) != 1 || !strings.Contains(c.Warnings()[0].Error(), "etc/lxc/web.conf too") {
		t.Errorf("warnings %v, %v", c.Warnings(), err)
	}
}

func TestStopPolicy(t *testing.T) {
	for _, c := range []struct {
		conf, lxc, schedule, warning, fault string
		halt, reboot                        int
	}{
		{schedule: "halt/60/exec/20/KILL/5"},
		{conf: "TIMEOUT=7", schedule: "halt/7/exec/20/KILL/5"},
		{conf: "TIMEOUT=7\nstop_schedule=exec/1/forever", schedule: "exec/1/forever", warning: "TIMEOUT: ignored"},
		{conf: "stop_schedule=dance/1", fault: `unknown rung "dance"`},
		{conf: "POWEROFF_SIGNAL=SIGUSR2\nRESTART_SIG=TERM", schedule: "halt/60/exec/20/KILL/5", halt: 12, reboot: 15},
		{lxc: "lxc.signal.halt = SIGRTMIN+3\nlxc.signal.reboot = 15", schedule: "halt/60/exec/20/KILL/5", halt: 37, reboot: 15},
		{conf: "POWEROFF_SIGNAL=SIGTERM", lxc: "lxc.signal.halt = SIGPWR", schedule: "halt/60/exec/20/KILL/5", halt: 30, warning: "ignored: lxc.signal.halt is SIGPWR"},
		{conf: "POWEROFF_SIGNAL=SIGTERM", lxc: "lxc.signal.halt = 15", schedule: "halt/60/exec/20/KILL/5", halt: 15},
		{conf: "POWEROFF_SIGNAL=SIGNONE", fault: "no signal has that name"},
		{lxc: "lxc.signal.halt = SIGNONE", schedule: "halt/60/exec/20/KILL/5", warning: "lxc.signal.halt: cannot read signal"},
	} {
		l := files(t, map[string]string{"var/lib/lxc/web/config": c.lxc + "\n"})
		got, err := configured(t, l, c.conf)
		if c.fault != "" {
			if err == nil || !strings.Contains(err.Error(), c.fault) {
				t.Errorf("%+v: %v", c, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		if got.Stop.Schedule != c.schedule || got.Stop.Halt != c.halt || got.Stop.Reboot != c.reboot {
			t.Errorf("%+v: %+v", c, got.Stop)
		}
		if said := warned(got); !strings.Contains(said, c.warning) || c.warning == "" && said != "" {
			t.Errorf("%+v: warnings %q", c, said)
		}
	}
}

func warned(c *Container) string {
	var all []string
	for _, w := range c.Warnings() {
		all = append(all, w.Error())
	}
	return strings.Join(all, "\n")
}

// TestSignalsAreThoseOfLXC: numbers are glibc's, whatever the guest's libc is.
func TestSignalsAreThoseOfLXC(t *testing.T) {
	for text, want := range map[string]int{
		"SIGPWR": 30, "PWR": 30, "sigpwr": 30, "30": 30, "SIGRTMIN+3": 37, "RTMIN+4": 38, "SIGRTMIN": 34, "SIGRTMAX": 64, "SIGRTMAX-1": 63, "64": 64,
		"": 0, "0": 0, "65": 0, "-1": 0, "SIGRTMAX+1": 0, "SIGRTMAX-31": 0, "SIGRTMIN+31": 0, "SIGRTMIN-1": 0, "SIG": 0, "SIGNONE": 0, "15 ": 0,
	} {
		got, err := parseSignal(text)
		if got != want || (err == nil) != (want != 0) {
			t.Errorf("%q is %d, %v; want %d", text, got, err, want)
		}
	}
}

func FuzzSignal(f *testing.F) {
	for _, seed := range []string{"SIGPWR", "SIGRTMIN+3", "SIGRTMAX-3", "37", "RTMIN", "+", "SIGRTMAX-", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := parseSignal(text)
		if err == nil && (n < 1 || n > 64) || err != nil && n != 0 {
			t.Errorf("%q is %d, %v", text, n, err)
		}
	})
}

// TestMemo: what is recorded is all that status and stop need, and of the
// files only the stop policy is read anew.
func TestMemo(t *testing.T) {
	l := files(t, map[string]string{"var/lib/lxc/web/config": "lxc.signal.halt = SIGPWR\n"})
	c, err := configured(t, l, "exec_command='poweroff -f'\nready_timeout=7")
	if err != nil {
		t.Fatal(err)
	}
	c.Groups = []Group{{Dir: "/sys/fs/cgroup/lxc.payload.web", Inode: 7, Payload: true}}
	recorded, err := c.Memo()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Kind{}.Recall(l, web, recorded, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := again.(*Container)
	for what, pair := range map[string][2]any{
		"lxcpath": {c.LXCPath, got.LXCPath}, "config": {c.ConfigFile, got.ConfigFile}, "log": {c.LogFile, got.LogFile}, "stop": {c.Stop, got.Stop},
		"schedule": {c.Schedule, got.Schedule}, "ready": {c.Readiness, got.Readiness}, "groups": {c.Groups, got.Groups},
	} {
		if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	fresh, err := confd.Parse("conf", []byte("stop_schedule=KILL/1\nlxcpath=/elsewhere\nCONFIGFILE="+c.ConfigFile), nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err = Kind{}.Recall(l, web, recorded, fresh)
	if err != nil {
		t.Fatal(err)
	}
	if got := again.(*Container); got.LXCPath != c.LXCPath || got.Plan().Stop != "KILL/1" || got.Stop.Halt != 30 {
		t.Errorf("recalled %+v", got)
	}
}

func TestTimes(t *testing.T) {
	conf, err := confd.Parse("conf", []byte("stop_schedule=halt/10/KILL/5\nready_timeout=30"), nil)
	if err != nil {
		t.Fatal(err)
	}
	start, stop, err := Kind{}.Times(web, conf)
	if err != nil || start != startTime+30*time.Second || stop != 15*time.Second {
		t.Errorf("start %s, stop %s, %v", start, stop, err)
	}
}

// TestEveryVariableIsRead by typing it: none of the table is without effect
// but those that say so.
func TestSampleIsAccepted(t *testing.T) {
	l := files(t, map[string]string{"var/lib/lxc/web/config": ""})
	var lines []string
	for _, v := range Vars {
		if v.Default != "" {
			lines = append(lines, v.Name+"='"+v.Default+"'")
		}
	}
	if c, err := configured(t, l, strings.Join(lines, "\n")); err != nil || warned(c) != "" {
		t.Errorf("defaults written out: %v", err)
	}
}

func TestFindNobody(t *testing.T) {
	l := files(t, map[string]string{"var/lib/lxc/web/config": ""})
	c, err := configured(t, l, "")
	if err != nil {
		t.Fatal(err)
	}
	if p, err := c.Find(t.Context()); p != nil || err != nil {
		t.Errorf("found %v, %v", p, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if p, err := c.Find(ctx); p != nil || err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that ended: %v, %v", p, err)
	}
}
