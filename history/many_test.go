package history

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/shutdown"
)

// BenchmarkAll reads the histories of 1,000 guests, each as large as they get.
func BenchmarkAll(b *testing.B) {
	s := Store{Dir: b.TempDir() + "/guestrc/history"}
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		b.Fatal(err)
	}
	const guests = 1000
	for g := range guests {
		name := fmt.Sprintf("qemu.guest%d", g)
		e := Entry{Guest: name, Event: Stop, BootID: strings.Repeat("b", 36), PID: 4711, Schedule: "agent/10/acpi/60/KILL/5", Text: "down in 3.1 s by acpi",
			Cause: "guest-shutdown", Stop: &shutdown.Record{Down: true, By: "acpi", Rungs: []shutdown.Outcome{{Verb: "agent", Result: shutdown.Absent}, {Verb: "acpi", Result: shutdown.Down}}}}
		var text bytes.Buffer
		for i := 0; text.Len() < maxSize; i++ {
			e.At = time.Unix(int64(1e9+i), 0)
			data, err := line(e)
			if err != nil {
				b.Fatal(err)
			}
			text.Write(data)
		}
		if err := os.WriteFile(s.path(name), text.Bytes(), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	for _, n := range []int{1, 20, 100} {
		b.Run(fmt.Sprintf("last%d", n), func(b *testing.B) {
			for b.Loop() {
				if all, err := s.All(n); err != nil || len(all) != n*guests {
					b.Fatal(len(all), err)
				}
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	s := Store{Dir: b.TempDir() + "/guestrc/history"}
	for b.Loop() {
		if err := s.Append(b.Context(), entry("down in 3.1 s by acpi")); err != nil {
			b.Fatal(err)
		}
	}
}
