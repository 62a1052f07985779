package bridge

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// traffic is datagrams with numbers, one each millisecond, and their echo.
type traffic struct {
	name           string
	server, client *net.UDPConn
	stop, ended    chan struct{} // no more is to be sent; nor is
	returned       chan struct{} // one came back, since it was last looked
	goroutines     sync.WaitGroup

	mu         sync.Mutex
	sent, all  uint64 // all are those that came back
	from, back uint64 // of those after from
	failed     error
}

// talk begins to send from one process's network namespace to another's (0:
// ours). What is lost until the links are in use does not count.
func talk(t *testing.T, from, to int, addr string) *traffic {
	t.Helper()
	tr := &traffic{name: addr, stop: make(chan struct{}), ended: make(chan struct{}), returned: make(chan struct{}, 1)}
	at := func(pid int, do func() error) {
		t.Helper()
		if pid == 0 {
			must(t, do())
			return
		}
		within(t, pid, do)
	}
	there := net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip(addr), 0))
	at(to, func() (err error) { tr.server, err = net.ListenUDP("udp", there); return err })
	at(from, func() (err error) {
		tr.client, err = net.DialUDP("udp", nil, tr.server.LocalAddr().(*net.UDPAddr))
		return err
	})
	tr.goroutines.Go(tr.echo)
	tr.goroutines.Go(tr.send)
	tr.goroutines.Go(tr.receive)
	t.Cleanup(func() { tr.end(0) })
	tr.goesOn(t)
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.from = tr.sent
	return tr
}

func (tr *traffic) echo() {
	b := make([]byte, 8)
	for {
		n, whom, err := tr.server.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		tr.server.WriteToUDPAddrPort(b[:n], whom)
	}
}

func (tr *traffic) send() {
	defer close(tr.ended)
	every := time.NewTicker(time.Millisecond)
	defer every.Stop()
	b := make([]byte, 8)
	for {
		tr.mu.Lock()
		tr.sent++
		binary.NativeEndian.PutUint64(b, tr.sent)
		tr.mu.Unlock()
		_, err := tr.client.Write(b)
		tr.mu.Lock()
		if err != nil {
			tr.failed = err
		}
		tr.mu.Unlock()
		select {
		case <-tr.stop:
			return
		case <-every.C:
		}
	}
}

func (tr *traffic) receive() {
	b := make([]byte, 8)
	for {
		_, err := tr.client.Read(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		tr.mu.Lock()
		if err != nil { // that a neighbour was not found, say
			tr.failed = err
			tr.mu.Unlock()
			continue
		}
		tr.all++
		if tr.from > 0 && binary.NativeEndian.Uint64(b) > tr.from {
			tr.back++
		}
		tr.mu.Unlock()
		select {
		case tr.returned <- struct{}{}:
		default:
		}
	}
}

// until waits for what is awaited, for a time.
func (tr *traffic) until(awaited func() bool, limit time.Duration) bool {
	is := func() bool {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		return awaited()
	}
	deadline := time.After(limit)
	for !is() {
		select {
		case <-tr.returned:
		case <-deadline:
			return false
		}
	}
	return true
}

// goesOn waits until a hundred more have come back.
func (tr *traffic) goesOn(t *testing.T) {
	t.Helper()
	tr.mu.Lock()
	enough := tr.all + 100
	tr.mu.Unlock()
	if !tr.until(func() bool { return tr.all >= enough }, 20*time.Second) {
		t.Fatalf("%s: %d sent, %d came back (%v)", tr.name, tr.sent, tr.all, tr.failed)
	}
}

// end stops sending, and returns once no more are missing, or will not come.
func (tr *traffic) end(missing uint64) (ok bool) {
	select {
	case <-tr.stop:
		return true
	default:
	}
	close(tr.stop)
	<-tr.ended
	ok = tr.until(func() bool { return tr.sent-tr.from-tr.back <= missing }, 2*time.Second)
	tr.client.Close()
	tr.server.Close()
	tr.goroutines.Wait()
	return ok
}

// lost ends the traffic, of which so much may be lost.
func (tr *traffic) lost(t *testing.T, most uint64) {
	t.Helper()
	if !tr.end(most) {
		t.Errorf("%s: %d sent, %d came back (%v)", tr.name, tr.sent-tr.from, tr.back, tr.failed)
	}
}
