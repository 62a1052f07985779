package deps

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/confd"
)

func TestStated(t *testing.T) {
	c, err := confd.Parse("conf", []byte("rc_need=\"qemu.b  net.br0\"\nrc_want='sshd !net'\nrc_after=$rc_need\nrc_use=\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	at := func(line int) confd.Pos { return confd.Pos{File: "conf", Line: line, Col: 1} }
	want := []Dependency{
		{Need, Service, "qemu.b", "rc_need", at(1)}, {Need, Service, "net.br0", "rc_need", at(1)},
		{Want, Service, "sshd", "rc_want", at(2)},
		{After, Service, "qemu.b", "rc_after", at(3)}, {After, Service, "net.br0", "rc_after", at(3)},
	}
	if diff := cmp.Diff(want, Stated(c, "qemu.a")); diff != "" {
		t.Error(diff)
	}
}

func TestVariableOfTheServiceGoesFirst(t *testing.T) {
	c, err := confd.Parse("conf", []byte("rc_need=qemu.b\nrc_qemu_a_1_need=qemu.c\nrc_qemu_a_1_use=\nrc_use=x\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for service, want := range map[string][]string{"qemu.a-1": {"qemu.c rc_qemu_a_1_need", "x rc_use"}, "qemu.z": {"qemu.b rc_need", "x rc_use"}} {
		var got []string
		for _, d := range Stated(c, service) {
			got = append(got, d.Name+" "+d.Why)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", service, diff)
		}
	}
}

func TestWhatIsThereIsNotAddedAgain(t *testing.T) {
	var s Set
	first := Dependency{Want, Bridge, "br0", "net0_br", confd.Pos{File: "conf", Line: 1, Col: 1}}
	for _, d := range []Dependency{first, {Want, Bridge, "br0", "net1_br", confd.Pos{}}, {Need, Bridge, "br0", "net1_br", confd.Pos{}}} {
		s.Add(d)
	}
	want := []Dependency{first, {Need, Bridge, "br0", "net1_br", confd.Pos{}}}
	if diff := cmp.Diff(want, s.Dependencies); diff != "" {
		t.Error(diff)
	}
}
