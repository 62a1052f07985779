package qemu

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/guestrc/guestrc/bridge"
	"github.com/guestrc/guestrc/guest"
)

// tcpReady waits until the guest's port takes a connection, at the address that
// is known, or at one of those that turn out to be the guest's.
func (m *Machine) tcpReady(ctx context.Context) error {
	if m.Readiness.Address == "" {
		return m.someAddressReady(ctx)
	}
	return untilAnswers(ctx, func() error { return tcpAnswers(ctx, m.Readiness.Address, m.Readiness.Banner) })
}

// untilAnswers asks until the answer is nil. Nothing tells us when a port inside
// a guest begins to listen, so this asks again, ever more rarely. The error is
// that of the last question that was not cut short.
func untilAnswers(ctx context.Context, ask func() error) error {
	pause := 50 * time.Millisecond
	var last error
	for {
		err := ask()
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return last
		case <-time.After(pause):
			pause = min(pause*2, time.Second)
		}
	}
}

// bannerTime is how long a server behind user networking gets to greet.
const bannerTime = 5 * time.Second

// tcpAnswers connects once. Through user networking QEMU takes the connection
// whether or not the guest does, so only a byte from the guest proves it.
func tcpAnswers(ctx context.Context, address string, banner bool) error {
	ctx, cancel := context.WithTimeout(ctx, bannerTime)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	if !banner {
		return nil
	}
	stop := context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := c.Read(make([]byte, 1)); err != nil {
		return fmt.Errorf("%s sends nothing: %w", address, err)
	}
	return nil
}

// maxAddresses is how many of a guest's addresses are tried: it may claim any
// number.
const maxAddresses = 32

// someAddressReady tries every address at which the host hears from the guest's
// cards, and the IPv6 one that follows from a card's MAC. The first that takes
// the connection wins.
func (m *Machine) someAddressReady(ctx context.Context) error {
	s := &search{port: strconv.Itoa(m.Readiness.Port), cards: m.Readiness.Cards, tried: map[netip.Addr]bool{}, won: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(ctx)
	defer s.running.Wait()
	defer cancel()
	guesses, err := s.readCards()
	if err != nil {
		return err
	}
	for _, addr := range guesses {
		s.try(ctx, addr, false)
	}
	ended := make(chan error, 1)
	s.running.Go(func() { // one of those, as it adds to them
		ended <- bridge.Neighbours(ctx, s.macs, func(addr netip.Addr) { s.try(ctx, addr, true) })
	})
	select {
	case <-s.won:
		return nil
	case err := <-ended:
		if ctx.Err() == nil {
			return err
		}
	case <-ctx.Done():
	}
	s.running.Wait()
	return s.failure(context.Cause(ctx))
}

// search is the attempt to reach a guest at an address that nobody knows yet.
type search struct {
	port  string
	cards []Card
	macs  []net.HardwareAddr
	won   chan struct{} // gets a word when the guest took a connection

	running sync.WaitGroup
	mu      sync.Mutex          // guards what follows
	tried   map[netip.Addr]bool // true: the host heard from the guest there
	errs    []error             // of those that the host heard from
}

// readCards returns the addresses that follow from the MACs. A link may come
// later, or be whoever's who opened it.
func (s *search) readCards() (guesses []netip.Addr, err error) {
	for _, card := range s.cards {
		mac, err := net.ParseMAC(card.MAC)
		if err != nil {
			return nil, fmt.Errorf("cannot look for the guest: %w", err)
		}
		s.macs = append(s.macs, mac)
		if addr, err := bridge.LinkLocal(mac, card.Link); err == nil {
			guesses = append(guesses, addr)
		}
	}
	return guesses, nil
}

// try connects to an address from now on, until ctx ends.
func (s *search) try(ctx context.Context, addr netip.Addr, heard bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.tried[addr]
	if !known && len(s.tried) >= maxAddresses || ctx.Err() != nil {
		return
	}
	s.tried[addr] = s.tried[addr] || heard
	if known {
		return
	}
	s.running.Go(func() {
		err := untilAnswers(ctx, func() error { return s.answers(ctx, addr) })
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case err != nil && s.tried[addr]:
			s.errs = append(s.errs, err)
		case err == nil:
			select {
			case s.won <- struct{}{}:
			default:
			}
		}
	})
}

// answers connects once. An address may have become another machine's, so whose
// it is is asked once it has answered.
func (s *search) answers(ctx context.Context, addr netip.Addr) error {
	if err := tcpAnswers(ctx, net.JoinHostPort(addr.String(), s.port), false); err != nil {
		return err
	}
	theirs, err := bridge.Answers(addr, s.macs)
	if err == nil && !theirs {
		err = fmt.Errorf("another machine has %s", addr)
	}
	return err
}

// failure tells a guest whose port is shut from one that was not heard of.
func (s *search) failure(cause error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.errs) > 0 {
		return errors.Join(s.errs...)
	}
	var macs []string
	for _, mac := range s.macs {
		macs = append(macs, mac.String())
	}
	return &guest.Error{Status: guest.StatusFailed, Msg: "the host heard nothing from " + strings.Join(macs, ", "), Err: cause,
		Hint: "ready_address= names the guest's address; by itself it is found only when the guest asks the host for something"}
}
