package guest

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/deps"
	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/shutdown"
)

// fakeKind is a kind whose guests are sleep(1) processes: real processes with
// a real lease, and a fake of everything else.
type fakeKind struct {
	t         *testing.T
	preflight error
	settle    error
	ready     error
	sweep     *atomic.Pointer[error] // what Sweep returns instead of sweeping
	spawned   *atomic.Int32
	wake      func(context.Context) // nil: nothing needs to be done
}

func (k fakeKind) Name() string { return "fake" }
func (k fakeKind) Vars() confd.Table {
	return confd.Table{{Name: "seconds", Type: confd.Int, Default: "86400", Help: "How long to sleep."}}
}

func (k fakeKind) Configure(_ context.Context, l Layout, n Name, c *confd.Config) (Instance, error) {
	if _, err := k.Vars().Check(c); err != nil {
		return nil, err
	}
	return &fakeInstance{kind: k, layout: l, name: n, Seconds: "86400." + strconv.Itoa(os.Getpid())}, nil
}

func (k fakeKind) Described(Layout, Name) (string, bool) { return "", false }
func (k fakeKind) Strays() bool                          { return false }

func (k fakeKind) Times(Name, *confd.Config) (start, stop time.Duration, err error) {
	return time.Second, 10 * time.Second, nil
}

func (k fakeKind) Depends(Layout, Name, *confd.Config) (deps.Set, error) { return deps.Set{}, nil }

func (k fakeKind) Recall(l Layout, n Name, memo json.RawMessage, c *confd.Config) (Instance, error) {
	if c != nil {
		if _, err := k.Vars().Check(c); err != nil {
			return nil, err
		}
	}
	i := &fakeInstance{kind: k, layout: l, name: n}
	return i, json.Unmarshal(memo, i)
}

type fakeInstance struct {
	kind    fakeKind
	layout  Layout
	name    Name
	Seconds string
}

func (i *fakeInstance) Plan() Plan {
	s, _ := shutdown.Parse("TERM/5/KILL/5")
	return Plan{Guest: i.name.String(), Schedule: s, Stop: s.String(), Ready: "none"}
}
func (i *fakeInstance) Warnings() []*confd.Error                       { return nil }
func (i *fakeInstance) Memo() (json.RawMessage, error)                 { return json.Marshal(i) }
func (i *fakeInstance) Claim() Claim                                   { return Claim{Guest: i.name.String(), MACs: []string{i.Seconds}} }
func (i *fakeInstance) Preflight(context.Context, []Claim) error       { return i.kind.preflight }
func (i *fakeInstance) Settle(context.Context, *pidfile.Process) error { return i.kind.settle }
func (i *fakeInstance) Ready(context.Context, *pidfile.Process) error  { return i.kind.ready }
func (i *fakeInstance) Reset(context.Context, *pidfile.Process) error {
	return errors.New("a sleeper cannot be reset")
}
func (i *fakeInstance) Find(context.Context) (*pidfile.Process, error) { return nil, nil }
func (i *fakeInstance) Inspect(context.Context, *pidfile.Process) Condition {
	return Condition{State: "running"}
}
func (i *fakeInstance) Expect() pidfile.Expect { return pidfile.Expect{Arg: []string{i.Seconds}} }

// leftover stands for QEMU's sockets: made at start, removed by an end in order.
func (i *fakeInstance) leftover() string { return filepath.Join(i.layout.RunDir(i.name), "left") }
func (i *fakeInstance) Leftovers() []string {
	if _, err := os.Stat(i.leftover()); err == nil {
		return []string{i.leftover()}
	}
	return nil
}
func (i *fakeInstance) Sweep(context.Context) error {
	if err := i.kind.sweep.Load(); err != nil {
		return *err
	}
	err := os.Remove(i.leftover())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func (i *fakeInstance) Start(_ context.Context, lease *os.File) (*pidfile.Process, error) {
	if err := os.WriteFile(i.leftover(), nil, 0o600); err != nil {
		return nil, err
	}
	pidfd := -1
	cmd := exec.Command("sleep", i.Seconds)
	cmd.ExtraFiles = []*os.File{lease}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, PidFD: &pidfd}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	i.kind.spawned.Add(1)
	var once sync.Once
	reap := func() { once.Do(func() { cmd.Wait() }) }
	i.kind.t.Cleanup(func() { unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0); reap() })
	go reap()
	return pidfile.FromPidfd(pidfd)
}

func (i *fakeInstance) Target(p *pidfile.Process) Target { return fakeTarget{p, i.kind.wake} }

type fakeTarget struct {
	p    *pidfile.Process
	wake func(context.Context)
}

func (t fakeTarget) Wait(ctx context.Context) error { return t.p.Wait(ctx) }
func (t fakeTarget) Wake(ctx context.Context, _ func(string)) shutdown.Schedule {
	if t.wake != nil {
		t.wake(ctx)
	}
	return nil
}
func (t fakeTarget) Close()        {}
func (t fakeTarget) Cause() string { return "signal" }
func (t fakeTarget) Rung(verb string) shutdown.Rung {
	_, sig, err := shutdown.ParseSignal(verb)
	if err != nil {
		return nil
	}
	return func(context.Context, func(string)) error { return t.p.Signal(sig) }
}

// listener is a Progress that remembers.
type listener struct {
	discard
	mu    sync.Mutex
	said  []string
	fresh []bool
}

func (l *listener) Say(text string) { l.mu.Lock(); l.said = append(l.said, text); l.mu.Unlock() }
func (l *listener) Warn(err error)  { l.Say(err.Error()) }
func (l *listener) Unready(e error) { l.Say(e.Error()) }
func (l *listener) Started(_ int, fresh bool, _ time.Duration) {
	l.mu.Lock()
	l.fresh = append(l.fresh, fresh)
	l.mu.Unlock()
}

// newHouse has one guest, fake.a, described by an empty file.
func newHouse(t *testing.T, change ...func(*fakeKind)) (*House, Name, *fakeKind) {
	t.Helper()
	k := &fakeKind{t: t, spawned: new(atomic.Int32), sweep: new(atomic.Pointer[error])}
	for _, c := range change {
		c(k)
	}
	h := &House{Layout: Layout{Root: t.TempDir()}, Kinds: []Kind{k}, Now: time.Now}
	if err := os.MkdirAll(h.Layout.ConfDir(), 0o755); err != nil {
		t.Fatal(err)
	}
	n := Name{"fake", "a"}
	if err := os.WriteFile(h.Layout.ConfFiles(n)[1], nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return h, n, k
}

func (t fakeTarget) Verdict(verb string) shutdown.Verdict {
	if verb == "KILL" {
		return shutdown.Forced
	}
	return shutdown.Graceful
}
