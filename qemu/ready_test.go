package qemu

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/fakeqmp"
	rom "github.com/guestrc/guestrc/tests/romguest"
)

// brief is for what must not happen.
const brief = 300 * time.Millisecond

// idle is a machine that runs and does nothing.
func idle(t *testing.T, ready Ready) *romMachine {
	t.Helper()
	r := upROM(t, rom.Do(rom.Up(), rom.Idle()))
	if ready.Timeout == 0 {
		ready.Timeout = patience
	}
	r.m.Readiness = ready
	return r
}

func TestReadyAtOnce(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"none", "monitor"} {
		if err := idle(t, Ready{How: how}).m.Ready(t.Context(), idle(t, Ready{}).p); err != nil {
			t.Errorf("%s: %v", how, err)
		}
	}
}

func TestAgentReady(t *testing.T) {
	t.Parallel()
	r := idle(t, Ready{How: "agent"})
	fakeqmp.StartAgent(t, r.m.Sockets.Agent, nil)
	if err := r.m.Ready(t.Context(), r.p); err != nil {
		t.Error(err)
	}
	r = idle(t, Ready{How: "agent", Timeout: brief})
	silent := fakeqmp.StartAgent(t, r.m.Sockets.Agent, func(string, map[string]any) string { return "" })
	if err := r.m.Ready(t.Context(), r.p); err == nil || !strings.Contains(err.Error(), "no answer came in time") {
		t.Errorf("nobody in the guest: %v", err)
	}
	if n := len(silent.Requests()); n != 1 {
		t.Errorf("%d requests: one is enough, QEMU keeps it", n)
	}
}

// QEMU keeps the request until somebody opens the port: an agent that comes
// late answers it.
func TestAgentReadyLate(t *testing.T) {
	t.Parallel()
	r := idle(t, Ready{How: "agent"})
	var opened atomic.Bool
	time.AfterFunc(brief, func() { opened.Store(true) })
	fakeqmp.StartAgent(t, r.m.Sockets.Agent, func(string, map[string]any) string {
		for !opened.Load() {
			time.Sleep(5 * time.Millisecond)
		}
		return fakeqmp.Usual
	})
	if err := r.m.Ready(t.Context(), r.p); err != nil || !opened.Load() {
		t.Error(err)
	}
}

func TestReadyEndsWithQEMU(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, ready := range []Ready{
		{How: "agent"},
		{How: "tcp", Address: l.Addr().String(), Banner: true},
		{How: "tcp", Address: "127.0.0.1:1"},
		{How: "tcp", Port: 7, Cards: []Card{{MAC: "52:54:00:00:00:07", Link: "none"}}},
	} {
		r := idle(t, ready)
		fakeqmp.StartAgent(t, r.m.Sockets.Agent, func(string, map[string]any) string { return "" })
		time.AfterFunc(brief, func() { r.Signal(unix.SIGKILL) })
		began := time.Now()
		if err := r.m.Ready(t.Context(), r.p); err == nil || !strings.HasPrefix(err.Error(), "QEMU ended: ") {
			t.Errorf("%s: %v", ready, err)
		}
		if took := time.Since(began); took > patience/2 {
			t.Errorf("%s: it took %v", ready, took)
		}
	}
}

func TestTCPReady(t *testing.T) {
	t.Parallel()
	reserved, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := reserved.Addr().String()
	reserved.Close()

	r := idle(t, Ready{How: "tcp", Address: address, Timeout: brief})
	if err := r.m.Ready(t.Context(), r.p); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("nobody listens: %v", err)
	}

	// Somebody begins to listen, takes the first connection and says nothing,
	// as user networking does for a guest that does not listen yet.
	r = idle(t, Ready{How: "tcp", Address: address, Banner: true})
	late := make(chan net.Listener, 1)
	time.AfterFunc(brief, func() {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Error(err)
			close(late)
			return
		}
		late <- l
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if n > 0 {
				c.Write([]byte("SSH-2.0-OpenSSH_9.2\r\n"))
			}
			c.Close()
		}
	})
	if err := r.m.Ready(t.Context(), r.p); err != nil {
		t.Error(err)
	}
	l, ok := <-late
	if !ok {
		return
	}
	defer l.Close()
	r = idle(t, Ready{How: "tcp", Address: address})
	if err := r.m.Ready(t.Context(), r.p); err != nil {
		t.Errorf("no banner is wanted: %v", err)
	}
}

// An address that was the guest's may be another machine's by now, and that one
// may have the port open.
func TestTCPReadyIsNotAnotherMachine(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	addr := netip.MustParseAddrPort(l.Addr().String())
	s := &search{port: fmt.Sprint(addr.Port()), macs: []net.HardwareAddr{{0x52, 0x54, 0, 0, 0, 7}}}
	if err := s.answers(t.Context(), addr.Addr()); err == nil || !strings.Contains(err.Error(), "another machine has 127.0.0.1") {
		t.Error(err)
	}
}

// A guest may claim any number of addresses.
func TestTCPReadyTriesSoManyAddresses(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := &search{port: "1", tried: map[netip.Addr]bool{}, won: make(chan struct{}, 1)}
	for n := range 10 * maxAddresses {
		s.try(ctx, netip.AddrFrom4([4]byte{127, 1, byte(n >> 8), byte(n)}), true)
	}
	cancel()
	s.running.Wait()
	if len(s.tried) != maxAddresses || len(s.errs) != maxAddresses {
		t.Errorf("%d addresses were tried, %d failed", len(s.tried), len(s.errs))
	}
	s.try(ctx, netip.MustParseAddr("127.0.0.1"), true)
	if len(s.tried) != maxAddresses {
		t.Error("one was tried afterwards")
	}
}
