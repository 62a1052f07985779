package host

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/guest"
)

func TestSettingsAreRead(t *testing.T) {
	l := below(t, map[string]string{"etc/conf.d/guestrc": "host_shutdown_budget=90\nhost_shutdown_budget_battery=30\nstart_parallel=4\nstart_delay=2\nstart_dealy=3\n"})
	got, warnings, err := Load(l)
	ok(t, err)
	want := Settings{Budget: 90 * time.Second, BatteryBudget: 30 * time.Second, StartParallel: 4, StartDelay: 2 * time.Second}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if len(warnings) != 1 || warnings[0].Pos.Line != 5 || !strings.Contains(warnings[0].Hint, "start_delay") {
		t.Errorf("warnings %v, want one of line 5 that knows what was meant", warnings)
	}
}

func TestMissingFileSetsNothing(t *testing.T) {
	got, warnings, err := Load(below(t, nil))
	if got != (Settings{}) || warnings != nil || err != nil {
		t.Errorf("got %+v, %v, %v", got, warnings, err)
	}
}

func TestBadSettingsAreRefusedWithTheirPlaces(t *testing.T) {
	for text, places := range map[string][]string{
		"host_shutdown_budget=soon\nstart_delay=-1\n": {"guestrc:1:1: ", "guestrc:2:1: "},
		"start_parallel=257\n":                        {"guestrc:1:1: "},
		"\nstart_parallel=$(nproc)\n":                 {"guestrc:2:16: "},
	} {
		got, _, err := Load(below(t, map[string]string{"etc/conf.d/guestrc": text}))
		if err == nil || got != (Settings{}) {
			t.Errorf("%q: %+v, %v; want an error and nothing set", text, got, err)
			continue
		}
		for _, place := range places {
			if !strings.Contains(err.Error(), place) {
				t.Errorf("%q: %v; want %s", text, err, place)
			}
		}
		if status := guest.ExitStatus(err); status != guest.StatusNotConfigured {
			t.Errorf("%q: exit status %d", text, status)
		}
	}
}

func TestSampleIsUnderstood(t *testing.T) {
	var b bytes.Buffer
	ok(t, Vars.Sample(&b, "intro"))
	text := strings.ReplaceAll(b.String(), "\n#", "\n")
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if !strings.HasSuffix(line, `""`) {
			lines[i] = ""
		}
	}
	l := below(t, map[string]string{"etc/conf.d/guestrc": strings.Join(lines, "\n")})
	if s, warnings, err := Load(l); s != (Settings{}) || len(warnings) > 0 || err != nil {
		t.Errorf("%+v, %v, %v", s, warnings, err)
	}
	cfg, err := confd.Load([]string{l.HostConf()}, nil)
	ok(t, err)
	if len(cfg.Values) != len(Vars) {
		t.Errorf("%d variables in the sample, want %d", len(cfg.Values), len(Vars))
	}
}

func TestOnBattery(t *testing.T) {
	const dir = "sys/class/power_supply/"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  bool
	}{
		{"nothing is known", nil, false},
		{"a file says so", map[string]string{"run/guestrc/on-battery": ""}, true},
		{"a laptop on mains", map[string]string{"AC/type": "Mains\n", "AC/online": "1\n", "BAT0/type": "Battery\n", "BAT0/status": "Full\n"}, false},
		{"a laptop without", map[string]string{"AC/type": "Mains\n", "AC/online": "0\n", "BAT0/type": "Battery\n", "BAT0/status": "Discharging\n"}, true},
		{"more load than the mains supply gives", map[string]string{"AC/type": "Mains\n", "AC/online": "1\n", "BAT0/type": "Battery\n", "BAT0/status": "Discharging\n"}, false},
		{"one of two mains supplies", map[string]string{"AC/type": "Mains\n", "AC/online": "0\n", "C1/type": "USB\n", "C1/online": "2\n", "BAT0/type": "Battery\n", "BAT0/status": "Discharging\n"}, false},
		{"the second of two batteries", map[string]string{"BAT0/type": "Battery\n", "BAT0/status": "Not charging\n", "BAT1/type": "Battery\n", "BAT1/status": "Discharging\n"}, true},
		{"an empty bay", map[string]string{"BAT0/type": "Battery\n", "BAT0/status": "Discharging\n", "BAT0/present": "0\n"}, false},
		{"a mouse", map[string]string{"hid-1/type": "Battery\n", "hid-1/status": "Discharging\n", "hid-1/scope": "Device\n"}, false},
		{"a telephone that is charged here", map[string]string{"C0/type": "USB\n", "C0/online": "1\n", "C0/scope": "Device\n", "BAT0/type": "Battery\n", "BAT0/status": "Discharging\n"}, true},
		{"a desktop's unused port", map[string]string{"C0/type": "USB\n", "C0/online": "0\n"}, false},
		{"a UPS at work looks like mains", map[string]string{"AC/type": "Mains\n", "AC/online": "1\n", "ups/type": "UPS\n", "ups/status": "Discharging\n"}, true},
		{"a UPS at rest", map[string]string{"ups/type": "UPS\n", "ups/status": "Full\n"}, false},
		{"nonsense", map[string]string{"x/type": "", "x/online": "\x00\xff\n", "y/online/": "", "z": "a file\n"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := map[string]string{}
			for name, text := range c.files {
				if !strings.HasPrefix(name, "run/") {
					name = dir + name
				}
				files[name] = text
			}
			l := below(t, files)
			if got := OnBattery(l); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestShorterBudgetCounts(t *testing.T) {
	mains, battery := below(t, nil), below(t, map[string]string{"run/guestrc/on-battery": ""})
	for _, c := range []struct {
		l                    guest.Layout
		budget, own, want    time.Duration
		becauseItIsOnBattery bool
	}{
		{mains, 0, 0, 0, false},
		{mains, 60, 20, 60, false},
		{mains, 0, 20, 0, false},
		{battery, 60, 20, 20, true},
		{battery, 0, 20, 20, true},
		{battery, 60, 0, 60, false},
		{battery, 60, 90, 60, false},
	} {
		d, because := Settings{Budget: c.budget, BatteryBudget: c.own}.BudgetNow(c.l)
		if d != c.want || because != c.becauseItIsOnBattery {
			t.Errorf("%+v: %v, %v", c, d, because)
		}
	}
}

func TestTheExampleIsRead(t *testing.T) {
	text, err := os.ReadFile("../docs/examples/guestrc")
	ok(t, err)
	got, warnings, err := Load(below(t, map[string]string{"etc/conf.d/guestrc": string(text)}))
	want := Settings{Budget: 2 * time.Minute, BatteryBudget: 30 * time.Second, StartParallel: 4, StartDelay: time.Second}
	if err != nil || len(warnings) > 0 || got != want {
		t.Errorf("%+v, %v, %v", got, warnings, err)
	}
}
