package command

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/guestrc/guestrc/pidfile"
)

// titlePrefix begins the command line of a monitor in the background
// (src/lxc/lxccontainer.c, set_proc_title).
const titlePrefix = "[lxc monitor] "

// Holder finds the monitor that has the container's socket open, for when it
// does not answer: it serves nobody before its start is complete, and hooks may
// take long. The kernel says whose socket it is; the title tells the monitor
// from its hooks and helpers, which may have it open as well. Nil when there is
// none.
func Holder(lxcpath, name string) (*pidfile.Process, error) {
	sockets, err := listening(address(lxcpath, name))
	if err != nil || len(sockets) == 0 {
		return nil, err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("cannot look for a monitor: %w", err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || !holds(pid, sockets) {
			continue
		}
		p, err := pidfile.Capture(pid)
		if err != nil {
			continue // it has ended
		}
		if holds(pid, sockets) && !p.Ended() { // the number was not given to another
			return p, nil
		}
		p.Close()
	}
	return nil, nil
}

// listening gives the inodes of the sockets of that abstract name, as links in
// /proc/PID/fd show them (proc_net_unix(5)).
func listening(socket string) (links []string, err error) {
	text, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		return nil, fmt.Errorf("cannot list sockets: %w", err)
	}
	for line := range bytes.Lines(text) {
		head, name, ok := strings.Cut(strings.TrimRight(string(line), "\n"), " @")
		fields := strings.Fields(head)
		if ok && name == socket && len(fields) == 7 {
			links = append(links, "socket:["+fields[6]+"]")
		}
	}
	return links, nil
}

// holds tells whether a process is a monitor that has one of the sockets open.
func holds(pid int, sockets []string) bool {
	dir := "/proc/" + strconv.Itoa(pid)
	title, err := os.ReadFile(dir + "/cmdline")
	if err != nil || !bytes.HasPrefix(title, []byte(titlePrefix)) {
		return false
	}
	fds, err := os.ReadDir(dir + "/fd")
	return err == nil && slices.ContainsFunc(fds, func(e os.DirEntry) bool {
		link, err := os.Readlink(filepath.Join(dir, "fd", e.Name()))
		return err == nil && slices.Contains(sockets, link)
	})
}
