package tinyguest

import (
	"testing"
	"time"
)

// Each way of the guest to behave, once. The tests run two at a time: without
// KVM every guest takes a core.

func TestPowerButton(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	v := boot(t, build(t, Options{}), "gr.show=/proc/cmdline")
	v.expect("gr.show=/proc/cmdline")
	v.expect("guestrc: up")
	t.Logf("up after %v", time.Since(begun))
	v.press()
	v.expect("guestrc: poweroff")
	v.gone()
}

func TestButtonThatDoesNotPowerOff(t *testing.T) {
	for word, want := range map[string]string{"reboot": "RESET", "panic": "GUEST_PANICKED"} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			v := boot(t, build(t, Options{}), "gr.acpi="+word, "-device", "pvpanic", "-action", "panic=none")
			v.expect("guestrc: up")
			v.press()
			v.expect("guestrc: " + word)
			v.event(want)
		})
	}
}

func TestHalted(t *testing.T) {
	t.Parallel()
	v := boot(t, build(t, Options{}), "gr.acpi=halt")
	v.expect("guestrc: up")
	v.press()
	v.expect("System halted")
	if status := v.execute(`{"execute":"query-status"}`); status["return"].(map[string]any)["status"] != "running" {
		t.Errorf("a halted guest shows as %v", status)
	}
}

func TestIgnoresTheButton(t *testing.T) {
	t.Parallel()
	v := boot(t, build(t, Options{}), "gr.acpi=ignore")
	v.expect("guestrc: up")
	for range 3 {
		v.press()
		v.expect("guestrc: button pressed")
	}
	select {
	case <-v.Done():
		t.Error("it went down all the same")
	case <-time.After(time.Second):
	}
}

func TestSecondPressCounts(t *testing.T) {
	t.Parallel()
	v := boot(t, build(t, Options{}), "gr.acpi=second gr.slowdown=300")
	v.expect("guestrc: up")
	v.press()
	v.expect("guestrc: button pressed")
	select {
	case <-v.Done():
		t.Fatal("the first press was enough")
	case <-time.After(time.Second):
	}
	v.press()
	pressed := time.Now()
	v.gone()
	if took := time.Since(pressed); took < 300*time.Millisecond {
		t.Errorf("went down within %v in spite of gr.slowdown=300", took)
	}
}

func TestSecondPressCancels(t *testing.T) {
	t.Parallel()
	v := boot(t, build(t, Options{}), "gr.acpi=cancel gr.slowdown=2000")
	v.expect("guestrc: up")
	v.press()
	v.expect("guestrc: button pressed")
	v.press()
	v.expect("guestrc: cancelled")
	v.press()
	v.gone()
}

func TestEarlyPressIsLost(t *testing.T) {
	t.Parallel()
	v := boot(t, build(t, Options{}), "gr.late=4000")
	v.press() // within the firmware
	time.Sleep(2 * time.Second)
	v.press() // within the boot
	v.expect("guestrc: up")
	select {
	case <-v.Done():
		t.Fatal("a press before it listened was kept")
	case <-time.After(time.Second):
	}
	v.press()
	v.gone()
}

func TestEndsByItself(t *testing.T) {
	for word, event := range map[string]string{"poweroff": "SHUTDOWN", "reboot": "RESET", "panic": "GUEST_PANICKED"} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			v := boot(t, build(t, Options{}), "gr.after=100 gr.boot="+word, "-device", "pvpanic", "-action", "panic=none")
			v.expect("guestrc: up")
			v.expect("guestrc: " + word)
			v.event(event)
		})
	}
}

func TestHangs(t *testing.T) {
	t.Parallel()
	v := boot(t, build(t, Options{}), "gr.boot=hang")
	v.expect("guestrc: hanging")
	v.press()
	select {
	case <-v.Done():
		t.Error("it reacted to the button")
	case <-time.After(time.Second):
	}
}

func TestTypingErrorEndsTheGuest(t *testing.T) {
	t.Parallel()
	v := boot(t, build(t, Options{}), "gr.acpi=of")
	v.expect(`cannot read "gr.acpi=of"`)
	v.gone()
}
