package qemu

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/bridge"
	"github.com/guestrc/guestrc/guest"
	"github.com/guestrc/guestrc/pidfile"
)

// hostEnd is the host's end of one interface, as it is recorded: what QEMU was
// told to use, in the order of its options.
type hostEnd struct {
	Link   string `json:"link,omitempty"`   // empty: whoever opened it chose the name
	Bridge string `json:"bridge,omitempty"` // empty: wherever its maker plugged it in
}

// ends are those of the machine as configured, or as recalled.
func (m *Machine) ends() []hostEnd {
	ends := slices.Clone(m.recalled)
	for _, nic := range m.NICs {
		if nic.Type == "bridge" || nic.Type == "tap" {
			ends = append(ends, hostEnd{nic.Ifname, nic.Bridge})
		}
	}
	return ends
}

// Plugs are the taps of machines.
func (Kind) Plugs(_ context.Context, running []guest.RunningInstance) (all []guest.Plug, err error) {
	var errs []error
	for _, r := range running {
		m, ok := r.Instance.(*Machine)
		if !ok {
			errs = append(errs, fmt.Errorf("cannot look at a %T as at a machine", r.Instance))
			continue
		}
		plugs, err := m.plugs(r.Process)
		if err != nil {
			errs = append(errs, fmt.Errorf("cannot tell where %s is plugged in: %w", m.Name, err))
		}
		all = append(all, plugs...)
	}
	return all, errors.Join(errs...)
}

// plugs are the taps that QEMU has open, as the kernel says, so that one of the
// same name is never taken for ours. Each has the bridge that the record knows
// for it, or none: an administrator's tap is wherever he put it. None when QEMU
// has ended, is in another network namespace, or was not to use any tap.
func (m *Machine) plugs(p *pidfile.Process) ([]guest.Plug, error) {
	ends := m.ends()
	if len(ends) == 0 {
		return nil, nil
	}
	taps, err := openTaps(p.Pid())
	if p.Ended() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var plugs []guest.Plug
	for _, e := range matched(ends, taps) {
		plugs = append(plugs, guest.Plug{Guest: m.Name.String(), Link: e.Link, Index: taps[e.Link], Bridge: e.Bridge})
	}
	return plugs, nil
}

// matched are the open taps, each with its bridge where that is known. Those
// that qemu-bridge-helper named are told by their indices, which rise in the
// order in which QEMU had them made, and only if there are as many as there
// should be.
func matched(ends []hostEnd, taps map[string]int) []hostEnd {
	var found, unnamed []hostEnd
	others := maps.Clone(taps)
	for _, e := range ends {
		if e.Link == "" {
			unnamed = append(unnamed, e)
		} else if _, open := others[e.Link]; open {
			found = append(found, e)
			delete(others, e.Link)
		}
	}
	names := slices.SortedFunc(maps.Keys(others), func(a, b string) int { return cmp.Compare(others[a], others[b]) })
	for i, name := range names {
		e := hostEnd{Link: name}
		if len(names) == len(unnamed) {
			e.Bridge = unnamed[i].Bridge
		}
		found = append(found, e)
	}
	return found
}

// openTaps are the taps of our network namespace that a process has open, with
// their indices. For each of its descriptors of /dev/net/tun, the kernel tells
// the name that the interface has now (tun_chr_show_fdinfo, drivers/net/tun.c).
func openTaps(pid int) (map[string]int, error) {
	ours, err := bridge.SameNet(pid)
	if err != nil || !ours {
		return nil, err
	}
	dir := "/proc/" + strconv.Itoa(pid) + "/fdinfo"
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot look at the files that QEMU has open: %w", err)
	}
	taps := map[string]int{}
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // closed since
		}
		if err != nil {
			return nil, fmt.Errorf("cannot look at the files that QEMU has open: %w", err)
		}
		name := iffOf(string(text))
		if name == "" {
			continue
		}
		index, err := indexOf(name)
		if errors.Is(err, unix.ENODEV) {
			continue // removed since, or in another namespace
		}
		if err != nil {
			return nil, fmt.Errorf("cannot look up the interface %q: %w", name, err)
		}
		taps[name] = index
	}
	return taps, nil
}

// iffOf is the name in a descriptor's lines in /proc, empty for others than
// taps and for a tap that is gone.
func iffOf(fdinfo string) string {
	for line := range strings.Lines(fdinfo) {
		if name, ok := strings.CutPrefix(line, "iff:\t"); ok {
			return strings.TrimSuffix(name, "\n")
		}
	}
	return ""
}

// indexOf asks for one interface; package net would list them all.
func indexOf(name string) (int, error) {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(s)
	request, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(s, unix.SIOCGIFINDEX, request); err != nil {
		return 0, err
	}
	return int(request.Uint32()), nil
}
