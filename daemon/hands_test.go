package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/tests/need"
)

// Whoever may write a pidfile can have root signal what it names.
func TestAUserNamesProcessesOfHisOwn(t *testing.T) {
	need.Root(t)
	top := openTemp(t)
	exe := program(t, top+"/daemon")
	roots := blocked(t, func() *proc { return sleeper(t, exe) })
	mine := sleeper(t, exe, asUser(nobody, nobody))
	staff := sleeper(t, exe, asUser(nobody, 50))
	const own, refused = true, false
	for what, c := range map[string]struct {
		prepare func(dir, file string) error
		roots   bool // root's process may be named
		mine    bool // that of nobody, whose group is nogroup
		staff   bool // that of nobody in group 50
		program bool // they may only exchange root's file for another of root's
	}{
		"all is root's":      {func(_, _ string) error { return nil }, own, own, own, false},
		"his file":           {func(_, f string) error { return os.Chown(f, nobody, 0) }, refused, own, own, false},
		"his directory":      {func(d, _ string) error { return os.Chown(d, nobody, 0) }, refused, own, own, true},
		"another's":          {func(d, _ string) error { return os.Chown(d, 12345, 0) }, refused, refused, refused, true},
		"a second name":      {func(d, f string) error { return join(os.Chown(d, nobody, 0), os.Link(f, d+"/second")) }, refused, own, own, false},
		"group's file there": {func(d, f string) error { return join(os.Chown(d, nobody, 0), os.Chown(f, 0, 50), os.Chmod(f, 0o664)) }, refused, own, own, false},
		"his link to root's": {func(d, f string) error {
			return join(os.Chown(d, nobody, 0), os.Rename(f, d+"/of-root"), os.Symlink("of-root", f), os.Lchown(f, nobody, 0))
		}, refused, own, own, false},
		"two users'":          {func(d, f string) error { return join(os.Chown(d, 12345, 0), os.Chown(f, nobody, 0)) }, refused, refused, refused, false},
		"world's file":        {func(_, f string) error { return os.Chmod(f, 0o666) }, refused, refused, refused, false},
		"world's directory":   {func(d, _ string) error { return os.Chmod(d, 0o777) }, refused, refused, refused, false},
		"as /tmp":             {func(d, _ string) error { return os.Chmod(d, 0o777|os.ModeSticky) }, own, own, own, false},
		"as /tmp, his file":   {func(d, f string) error { return join(os.Chmod(d, 0o777|os.ModeSticky), os.Chown(f, nobody, 0)) }, refused, own, own, false},
		"group's directory":   {func(d, _ string) error { return join(os.Chown(d, 0, 50), os.Chmod(d, 0o775)) }, refused, refused, own, true},
		"group's file":        {func(_, f string) error { return join(os.Chown(f, 0, 50), os.Chmod(f, 0o664)) }, refused, refused, own, false},
		"his and his group's": {func(d, _ string) error { return join(os.Chown(d, nobody, 50), os.Chmod(d, 0o775)) }, refused, own, own, true},
		"root group's":        {func(d, _ string) error { return os.Chmod(d, 0o775) }, own, own, own, false},
		"an access list": {func(d, _ string) error {
			// Version 2; user::rwx user:nobody:rwx group::r-x mask::rwx other::r-x.
			acl := []byte{2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 2, 0, 7, 0, 254, 255, 0, 0,
				4, 0, 5, 0, 255, 255, 255, 255, 16, 0, 7, 0, 255, 255, 255, 255, 32, 0, 5, 0, 255, 255, 255, 255}
			return unix.Setxattr(d, "system.posix_acl_access", acl, 0)
		}, refused, refused, refused, false},
	} {
		t.Run(what, func(t *testing.T) {
			dir := filepath.Join(openTemp(t), "run")
			ok(t, os.Mkdir(dir, 0o755))
			file := dir + "/pid"
			ok(t, os.WriteFile(file, nil, 0o644))
			ok(t, c.prepare(dir, file))
			link := filepath.Join(openTemp(t), "link")
			ok(t, os.Symlink(file, link)) // root's own way to it changes nothing
			for pid, may := range map[int]bool{roots.pid: c.roots, mine.pid: c.mine, staff.pid: c.staff} {
				ok(t, os.WriteFile(file, fmt.Append(nil, pid), 0))
				for _, path := range []string{file, link} {
					if may {
						mustFind(t, path, Want{}, pid)
						continue
					}
					mustNot(t, path, Want{}, statusRefused, "may name only what is his own")
					mustNot(t, path, Want{Exe: "/bin/sh"}, statusRefused, "may name only what is his own")
					if c.program {
						mustFind(t, path, Want{Exe: exe}, pid, "it runs "+exe)
					} else {
						mustNot(t, path, Want{Exe: exe}, statusRefused, "may name only what is his own")
					}
				}
			}
		})
	}

	// The time has to speak for it, too.
	theirs := filepath.Join(openTemp(t), "pid")
	ok(t, os.Chown(filepath.Dir(theirs), nobody, 0))
	ok(t, os.WriteFile(theirs, fmt.Append(nil, roots.pid), 0o644))
	aged(t, theirs, -time.Hour)
	mustNot(t, theirs, Want{Exe: exe}, statusRefused, "may name only what is his own")

	// A link of his to a pidfile of root's, be the file locked or not.
	file := pidfileOf(t, "x")
	locker := spawn(t, "lock", file)
	ok(t, os.WriteFile(file, fmt.Append(nil, locker.pid), 0o644))
	dir := openTemp(t)
	ok(t, os.Symlink(file, dir+"/link"))
	mustFind(t, dir+"/link", Want{}, locker.pid)
	ok(t, os.Lchown(dir+"/link", nobody, nobody))
	mustNot(t, dir+"/link", Want{}, statusRefused, "belongs to user nobody")
	if harm := roots.harmed(); harm != "" {
		t.Error(harm)
	}
}

// openTemp is a directory that everybody may pass through.
func openTemp(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	ok(t, join(os.Chmod(dir, 0o755), os.Chmod(filepath.Dir(dir), 0o755)))
	return dir
}

func join(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
