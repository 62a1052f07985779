package confd

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// testTable has every form of name.
var testTable = Table{
	{Name: "memory", Type: Size, Default: "512M", Help: "How much memory the guest has at its start, in a sentence that is long enough to be wrapped once or twice.", Group: "Machine"},
	{Name: "enable_kvm", Type: Enum, Choices: []string{"yes", "no", "auto"}, Default: "auto", Help: "Whether the host's processor runs the guest.", Group: "Machine"},
	{Name: "VM_NAME", Type: String, Help: "The name.", Group: "Machine"},
	{Name: "console", Type: String, Default: `a "quoted" it's`, Help: "Text.", Group: "Machine"},
	{Name: "logfile", Type: Path, Default: "/var/log/${VM_NAME}.log", Group: "Machine", Help: "Log."},
	{Name: "disk_cache", Type: String, Help: "Of all disks.", Group: "Disks"},
	{Name: "diskN_file", Type: Path, Help: "Image.", Group: "Disks"},
	{Name: "diskN_*", Type: String, Help: "Any other option of -drive.", Group: "Disks"},
	{Name: "netN", Type: Enum, Choices: []string{"bridge", "tap:"}, Default: "bridge", Help: "Kind.", Group: "Network"},
	{Name: "netN_mac", Type: MAC, Help: "Address.", Group: "Network"},
	{Name: "x_*", Type: Int, Help: "Numbers.", Group: "Network"},
	{Name: "vnc_password", Type: Int, Secret: true, Help: "Secret.", Group: "Network"},
}

func TestLookup(t *testing.T) {
	tests := []struct {
		name, want string
		index      int
		option     string
	}{
		{"memory", "memory", -1, ""}, {"disk_cache", "disk_cache", -1, ""}, {"VM_NAME", "VM_NAME", -1, ""},
		{"disk0_file", "diskN_file", 0, ""}, {"disk12_file", "diskN_file", 12, ""}, {"disk9999_file", "diskN_file", 9999, ""},
		{"disk3_l2", "diskN_*", 3, "l2"}, {"disk3_cache", "diskN_*", 3, "cache"}, {"disk3_file2", "diskN_*", 3, "file2"},
		{"net0", "netN", 0, ""}, {"net10_mac", "netN_mac", 10, ""}, {"x_y", "x_*", -1, "y"},
		{"Memory", "", -1, ""}, {"memory1", "", -1, ""}, {"disk_file", "", -1, ""}, {"diskN_file", "", -1, ""}, {"diskN_*", "", -1, ""}, {"disk0_", "", -1, ""},
		{"disk0", "", -1, ""}, {"disk00_file", "", -1, ""}, {"disk10000_file", "", -1, ""}, {"disk99999999999999999999_file", "", -1, ""}, {"net0_foo", "", -1, ""}, {"x_", "", -1, ""}, {"", "", -1, ""}, {"0", "", -1, ""},
		{"VM_3AME", "", -1, ""},
	}
	for _, tt := range tests {
		v, index, option, ok := testTable.Lookup(tt.name)
		if v.Name != tt.want || index != tt.index || option != tt.option || ok != (tt.want != "") {
			t.Errorf("Lookup(%q) = %q, %d, %q, %v", tt.name, v.Name, index, option, ok)
		}
	}
}

func TestNearest(t *testing.T) {
	tests := []struct{ name, want string }{
		{"memroy", "memory"}, {"mem", ""}, {"memor", "memory"}, {"MEMORY", "memory"}, {"enable-kvm", "enable_kvm"}, {"enablekvm", "enable_kvm"},
		{"disk0_fil", "disk0_file"}, {"disk7_fiel", "disk7_file"}, {"disk_file", "disk0_file"}, {"dsik12_file", "disk12_file"}, {"net1_mca", "net1_mac"}, {"nte3", "net3"},
		{"net", "net0"}, {"wholly_different", ""}, {"", ""}, {"disk_cahce", "disk_cache"}, {"xx", ""},
	}
	for _, tt := range tests {
		if got, ok := testTable.Nearest(tt.name); got != tt.want || ok != (tt.want != "") {
			t.Errorf("Nearest(%q) = %q, %v, want %q", tt.name, got, ok, tt.want)
		}
	}
}

func TestDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "axc", 1}, {"abc", "abcd", 1}, {"ca", "abc", 3}, {"kitten", "sitting", 3}, {"abcdef", "ghijkl", 4},
	}
	for _, tt := range tests {
		if got := distance(tt.a, tt.b, 3); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := distance(tt.b, tt.a, 3); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.b, tt.a, got, tt.want)
		}
	}
}

func TestCheck(t *testing.T) {
	c, err := Parse("f", []byte(strings.Join([]string{
		"memroy=1G", "memory=lots", "helper=1", "disk0_file=$helper.img", "export DISPLAY_X=1", "rc_need=net.br0", "SSD_NICELEVEL=5", "description='A guest'",
		"description_reset=x", "respawn_delay=1", "vnc_password=hunter2", "net0=bridge", "net1=tap:", "disk3_aio=native", "x_a=1", "x_b=b", "enable_kvm=", "nothing_like_it=1",
	}, "\n")), map[string]string{"unknown_preset": "1"})
	if err != nil {
		t.Fatal(err)
	}
	warnings, err := testTable.Check(c)
	var got []string
	for _, w := range warnings {
		got = append(got, w.Error()+" | "+w.Hint)
	}
	if diff := cmp.Diff([]string{
		`f:1:1: unknown variable "memroy" | did you mean "memory"?`,
		`f:18:1: unknown variable "nothing_like_it" | `,
	}, got); diff != "" {
		t.Error(diff)
	}
	want := []string{
		`f:2:1: memory is "lots", which is not a size`,
		`f:4:1: disk0_file is "1.img", which is not an absolute path`,
		`f:11:1: vnc_password is not a number`,
		`f:13:1: net1 is "tap:", which it cannot be`,
		`f:16:1: x_b is "b", which is not a number`,
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Error(diff)
	}
}

func TestPosString(t *testing.T) {
	tests := []struct {
		pos  Pos
		want string
	}{
		{Pos{}, "msg"}, {Pos{File: "f"}, "f: msg"}, {Pos{File: "f", Line: 2}, "f:2: msg"}, {Pos{"f", 2, 3}, "f:2:3: msg"},
	}
	for _, tt := range tests {
		if got := Errorf(tt.pos, "m%s", "sg").Error(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

// TestFaultsAreNamed: check explains a fault by its id.
func TestFaultsAreNamed(t *testing.T) {
	for line, want := range map[string]string{
		"memorry=1G": "GR101", "memory=much": "GR102", "enable_kvm=perhaps": "GR102", "logfile=log": "GR102", "vnc_password=secret": "GR102",
		"net0_mac=52:54:00:00:00": "GR102", "net0_mac=00:00:00:00:00:00": "GR102", "net0_mac=53:54:00:00:00:01": "GR304", "net0_mac=52:54:00:00:00:01": "",
	} {
		c, err := Parse("f", []byte(line), nil)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		warnings, err := testTable.Check(c)
		for _, w := range warnings {
			got += w.ID
		}
		if e := (*Error)(nil); errors.As(err, &e) {
			got += e.ID
		}
		if got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

// TestSettingsNameFaults: an id may be given to what was complained of already.
func TestSettingsNameFaults(t *testing.T) {
	s := NewSettings(testTable, &Config{})
	s.Fail("memory", "", "too little").WithID("GR1")
	s.Fail("memory", "", "far too little").WithID("GR2")
	s.Warn("console", "", "odd").WithID("GR3")
	var e *Error
	if err := s.Err(); !errors.As(err, &e) || e.ID != "GR1" || err.Error() != "memory: too little" {
		t.Errorf("%v", err)
	}
	if s.Warnings[0].ID != "GR3" {
		t.Errorf("%+v", s.Warnings[0])
	}
}

// An option that is passed on as it is may be anything, but not one slip away
// from a variable that guestrc reads itself.
func TestOptionsThatAreSlips(t *testing.T) {
	table := Table{{Name: "diskN_file", Type: String}, {Name: "diskN_format", Type: String}, {Name: "diskN_*", Type: String},
		{Name: "netN_br", Type: String}, {Name: "netN_mac", Type: MAC}, {Name: "netN_hostfwd", Type: Words}, {Name: "netN_*", Type: String}}
	for name, want := range map[string]string{
		"disk0_fromat": "disk0_format", "disk12_fil": "disk12_file", "net0_mca": "net0_mac", "net1_hostfw": "net1_hostfwd", "disk0_Format": "disk0_format",
		"disk0_aio": "", "disk0_bps": "", "net0_dns": "", "net0_fd": "", "net0_host": "", "net0_queues": "", "net0_macaddr": "", "disk0_format": "",
	} {
		c, err := Parse("f", []byte(name+"=52:54:00:00:00:01\n"), nil)
		if err != nil {
			t.Fatal(err)
		}
		warnings, err := table.Check(c)
		got := ""
		if len(warnings) == 1 {
			got = warnings[0].Hint
		}
		if want != "" {
			want = `did you mean "` + want + `"?`
		}
		if err != nil || got != want {
			t.Errorf("%s: %v, hint %q, want %q", name, err, got, want)
		}
	}
}
