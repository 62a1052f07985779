package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	got, err := parse("console=ttyS0 quiet gr.acpi=second gr.agent=ignore gr.boot=panic gr.after=1500 gr.late=20 gr.slowdown=300 " +
		"ip=10.0.2.15/24,10.0.2.2 gr.tcp=7 gr.greet=10.0.2.2:9 gr.run=/a,-x gr.run=/b gr.freeze=yes gr.notify=yes gr.show=/dev/vda\n")
	if err != nil {
		t.Fatal(err)
	}
	want := &behaviour{acpi: "second", agent: "ignore", boot: "panic", after: 1500 * time.Millisecond,
		late: 20 * time.Millisecond, slowdown: 300 * time.Millisecond, address: "10.0.2.15/24", gateway: "10.0.2.2",
		tcpPort: 7, greet: "10.0.2.2:9", run: []string{"/a,-x", "/b"}, freeze: true, notify: true, show: []string{"/dev/vda"}}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(behaviour{})); d != "" {
		t.Error(d)
	}
	if got, err := parse("root=/dev/vda ro"); err != nil || got.acpi != "poweroff" || got.agent != "poweroff" {
		t.Errorf("defaults: %+v, %v", got, err)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, word := range []string{"gr.acpi=power", "gr.boot=off", "gr.late=1s", "gr.late=-1", "gr.tcp=http", "gr.acip=ignore", "gr.agent="} {
		if _, err := parse("quiet " + word); err == nil {
			t.Errorf("%q was accepted", word)
		}
	}
}
