package guest

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/deps"
)

// Service is what the files of one guest say to an init system.
type Service struct {
	deps.Set
	Start, Stop time.Duration // what they may take; math.MaxInt64: for ever
	Policy
}

// Service reads the files of n and looks at nothing else. What faulty files
// still tell is returned with the error: at least which they are.
func (h *House) Service(n Name) (s Service, err error) {
	services, errs := h.Services([]Name{n})
	return services[0], errs[0]
}

func (h *House) service(n Name, loader *confd.Loader) (s Service, err error) {
	k, err := h.kind(n)
	if err != nil {
		return s, err
	}
	s.Inputs = h.Layout.ConfFiles(n)
	c, err := h.load(n, loader.Load)
	if err != nil {
		return s, err
	}
	s.Dependencies = deps.Stated(c, n.String())
	found, err := k.Depends(h.Layout, n, c)
	for _, d := range found.Dependencies {
		s.Add(d)
	}
	s.Inputs = append(s.Inputs, found.Inputs...)
	start, stop, errTimes := k.Times(n, c)
	s.Start, s.Stop = LockPatience+start, stop
	policy, errPolicy := policyOf(c)
	s.Policy = policy
	return s, errors.Join(err, errTimes, errPolicy)
}

// Reader is Service for many at one time, of which it reads once what they have
// in common. Several goroutines may call it.
func (h *House) Reader() func(Name) (Service, error) {
	var loader confd.Loader
	return func(n Name) (Service, error) { return h.service(n, &loader) }
}

// Services is Service for many at once; the results are in the order of names.
func (h *House) Services(names []Name) (services []Service, errs []error) {
	services, errs = make([]Service, len(names)), make([]error, len(names))
	service := h.Reader()
	Each(len(names), runtime.GOMAXPROCS(0), func(i int) { services[i], errs[i] = service(names[i]) })
	return services, errs
}

// Each calls do with 0 to n-1, on at most so many goroutines, and returns when
// all calls have.
func Each(n, goroutines int, do func(i int)) {
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(goroutines, n) {
		group.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				do(int(i))
			}
		})
	}
	group.Wait()
}
