package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/shutdown"
)

func running(name string, pid int, u guest.Usage) guest.Status {
	return guest.Status{Guest: name, State: guest.Running, PID: pid, Usage: &u}
}

func TestRatesAreThoseOfTheInterval(t *testing.T) {
	second := shutdown.Duration(time.Second)
	before := sample{someTime, []guest.Status{
		running("qemu.a", 7, guest.Usage{CPU: 10 * second, Read: 1000, Written: 1000, Received: 1 << 20, Sent: 5}),
		running("qemu.again", 8, guest.Usage{CPU: 100 * second}),
		running("qemu.gone", 9, guest.Usage{}),
		running("lxc.rebooted", 10, guest.Usage{CPU: 50 * second, Received: 1 << 30}),
	}}
	now := sample{someTime.Add(2 * time.Second), []guest.Status{
		running("qemu.a", 7, guest.Usage{CPU: 13 * second, Read: 3000, Written: 1000, Received: 3 << 20, Sent: 5, Memory: 35 << 20}),
		running("qemu.again", 18, guest.Usage{CPU: second, Percent: 50}),
		running("lxc.rebooted", 10, guest.Usage{CPU: second, Received: 5, Limit: 1 << 30, Procs: 12}),
		{Guest: "qemu.dumb", State: guest.Running, PID: 11},
		{Guest: "qemu.down", State: guest.Stopped, Code: guest.StateStopped},
		{Guest: "net.br0", State: guest.Running},
	}}
	var got []string
	for _, row := range topRows(rates(before, now)) {
		got = append(got, strings.Join(row, "|"))
	}
	want := []string{
		"qemu.a|150.0|35M|-|1.0K|-|1.0M|-|-",
		"qemu.again|50.0|0|-|-|-|-|-|-",
		"lxc.rebooted|0.0|0|1.0G|-|-|-|-|12", // its counters began anew: nothing goes backwards
		"qemu.dumb|0.0|0|-|-|-|-|-|-",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
