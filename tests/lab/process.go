package lab

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
)

// Process is one that Start started.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed once the process was waited for
	err  error         // what Wait gave; valid after done
}

// Start runs cmd until it ends, at the latest with the test. When the test's
// own process dies, cmd is killed.
func Start(t T, cmd *exec.Cmd) *Process {
	t.Helper()
	p, err := start(cmd)
	if err != nil {
		t.Fatalf("cannot start %s: %v", cmd.Path, err)
	}
	t.Cleanup(p.Kill)
	return p
}

func start(cmd *exec.Cmd) (*Process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	p := &Process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The signal comes when the thread ends that started the process, so
		// that thread is kept until the process has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.done)
		}
	}()
	return p, <-started
}

// Pid stays the process's until Wait has returned.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait returns how the process ended, as exec.Cmd.Wait does, or that it did
// not before ctx ended.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return fmt.Errorf("cannot wait for %s: %w", p.cmd.Path, ctx.Err())
	}
}

// Signal does nothing to a process that has ended.
func (p *Process) Signal(sig syscall.Signal) {
	p.cmd.Process.Signal(sig) // fails only then
}

// Kill kills the process and waits until it is gone.
func (p *Process) Kill() {
	p.Signal(syscall.SIGKILL)
	<-p.done
}
