package qemu

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// users finds what has a disk already, be it no guest of ours.
func (x *examination) users() {
	if x.running {
		return
	}
	for _, d := range x.m.Disks {
		if d.Path == "" || d.Shared || !readable(d.Path) {
			continue
		}
		if lockedByQEMU(d) {
			x.tell("GR202", []string{d.Var}, "fuser -v "+d.Path+" tells who has it", "%s is in use: another QEMU has it open, or a program of QEMU's", d.Path)
		} else if at := mountedAt(d.Path); at != "" && !d.ReadOnly {
			x.tell("GR202", []string{d.Var}, "umount "+at, "%s is in use: the host has it, or a part of it, mounted on %s", d.Path, at)
		}
	}
}

// The bytes of an image that QEMU locks, one for each permission that it has, and
// one for each that it does not share (block/file-posix.c, enum BlockPermission).
const (
	lockWriting = 101 // somebody writes
	lockAlone   = 201 // nobody else may write
)

// lockedByQEMU asks for the lock that the guest's QEMU could not have.
func lockedByQEMU(d Disk) bool {
	fd, err := unix.Open(d.Path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	lock := unix.Flock_t{Type: unix.F_WRLCK, Start: lockAlone, Len: 1}
	if d.ReadOnly {
		lock.Start = lockWriting
	}
	return unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &lock) == nil && lock.Type != unix.F_UNLCK
}

// mountedAt is where the host has a file system on a block device, on a part of it,
// or on a loop device that stands for a file; empty where it has none. A file
// system that is mounted read-only is no harm.
func mountedAt(path string) string {
	devices := blockDevices(path)
	if len(devices) == 0 {
		return ""
	}
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	for _, device := range devices {
		if at := mountOf(string(table), device); at != "" {
			return at
		}
	}
	return ""
}

// blockDevices are the block devices that show what is in a file or device, as
// MAJOR:MINOR.
func blockDevices(path string) (all []string) {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return nil
	}
	var dirs []string
	if st.Mode&unix.S_IFMT == unix.S_IFBLK {
		dirs = []string{fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))}
	} else {
		loops, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
		for _, loop := range loops {
			var of unix.Stat_t
			if name, err := os.ReadFile(loop); err == nil && unix.Stat(strings.TrimSuffix(string(name), "\n"), &of) == nil && of.Dev == st.Dev && of.Ino == st.Ino {
				dirs = append(dirs, filepath.Dir(filepath.Dir(loop)))
			}
		}
	}
	for _, dir := range dirs {
		files, _ := filepath.Glob(dir + "/*/dev") // of its partitions
		for _, file := range append(files, dir+"/dev") {
			if number, err := os.ReadFile(file); err == nil {
				all = append(all, strings.TrimSpace(string(number)))
			}
		}
	}
	return all
}

// mountOf looks for a device in a table of mounts (proc_pid_mountinfo(5)).
func mountOf(table, device string) string {
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) > 6 && fields[2] == device && !strings.HasSuffix(line, " ro\n") && !strings.Contains(line, " ro,") {
			if at, err := strconv.Unquote(`"` + strings.ReplaceAll(fields[4], `"`, `\"`) + `"`); err == nil { // the kernel writes \040 for a blank
				return at
			}
			return fields[4]
		}
	}
	return ""
}
