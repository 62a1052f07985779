package daemon

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// firstLine is written otherwise than parseHead, to be held against it.
var firstLine = regexp.MustCompile(`\A[ \t]*([1-9][0-9]*)[ \t]*(\n|\z)`)

// Whatever a pidfile holds, only the number itself has a process found.
func FuzzPidfile(f *testing.F) {
	d := sleeper(f, program(f, f.TempDir()+"/daemon"))
	path := filepath.Join(f.TempDir(), "pid")
	number := strconv.Itoa(d.pid)
	for _, s := range []string{"PID", "PID\n", " PID", "-PID", "PID\nPID", "0PID", "", "1", "2\n", "\x00PID", "PID\x00", "1PID", "４２", "\t PID \nx", "PID" + strings.Repeat(" ", maxHead)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ReplaceAll(text, "PID", number)
		ok(t, os.WriteFile(path, []byte(text), 0o644))
		found, err := ByPidfile(path, Want{Exe: "/none"}) // so that nothing else is
		if err == nil {
			found.Close()
			t.Fatalf("%q: found %v", text, found)
		}
		found, err = ByPidfile(path, Want{})
		is := firstLine.FindStringSubmatch(text[:min(len(text), maxHead)])
		if (is != nil && is[1] == number && (is[2] != "" || len(is[0]) < maxHead)) != (err == nil && found.Pid() == d.pid) {
			t.Errorf("%q: %v, %v", text, found.Why, err)
		}
		if err == nil {
			found.Close()
		}
	})
}

func FuzzStatus(f *testing.F) {
	f.Add([]byte("Name:\tx\nUid:\t0\t0\t0\t0\nGid:\t1\t1\t1\t1\nNSpid:\t5\t1\nSigBlk:\t0000000000000001\nSigIgn:\t0\nSigCgt:\tffffffffffffffff\n"))
	f.Add([]byte("Uid:\t0\n"))
	f.Add([]byte("Uid:\t-1\t0\t0\t0\n"))
	f.Add([]byte("NSpid:\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := parseStatus(text)
		if err == nil && (len(s.uids) != 4 || len(s.gids) != 4 || s.namespaces < 1) {
			t.Errorf("%q: %+v", text, s)
		}
	})
}

func FuzzHashbang(f *testing.F) {
	for _, s := range []string{"#!/bin/sh -e\n", "#! /usr/bin/env -S python3 -u\n", "#!", "#!sh", "#!/usr/bin/env A=b ./x", "#!/bin/\x00sh"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		for _, path := range parseHashbang(head) {
			if !filepath.IsAbs(path) || strings.ContainsAny(path, "\x00\n ") {
				t.Errorf("%q: %q", head, path)
			}
		}
		scriptOperand(head)
	})
}

func FuzzSignal(f *testing.F) {
	for _, s := range []string{"TERM", "9", "rtmin+3", "-1", "SIG"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		sig, err := ParseSignal(text)
		if err != nil {
			return
		}
		if back, err := ParseSignal(SignalName(sig)); err != nil || back != sig || sig > 64 {
			t.Errorf("%q: %v, %v", text, sig, err)
		}
		if s, err := ParseSchedule(text+"/5", unix.SIGTERM); err == nil && len(s) != 1 {
			t.Errorf("%q: %v", text, s)
		}
	})
}

func TestHashbangs(t *testing.T) {
	for head, want := range map[string]string{
		"#!/bin/sh\n":                        "/bin/sh",
		"#! /bin/sh -e\nexit\n":              "/bin/sh",
		"#!/usr/bin/python3":                 "/usr/bin/python3",
		"#!/usr/bin/env /opt/x\n":            "/opt/x",
		"#!/usr/bin/env ./x\n":               "",
		"#!sh\n":                             "",
		"echo\n":                             "",
		"#!/usr/bin/env -S A=b python3 -u\n": "/usr/bin/python3",
	} {
		got := strings.Join(parseHashbang([]byte(head)), " ")
		if got != want && (want == "" || !strings.Contains(" "+got+" ", " "+want+" ")) {
			t.Errorf("%q: %q", head, got)
		}
	}
	for line, want := range map[string]string{
		"/bin/sh\x00/x\x00": "/x", "/bin/sh\x00-e\x00/x\x00y\x00": "/x", "sh\x00-c\x00/x\x00": "", "sh\x00-ec\x00/x\x00": "",
		"sh": "", "": "", "sh\x00--posix\x00/x": "/x",
	} {
		if got, _ := scriptOperand([]byte(line)); got != want {
			t.Errorf("%q: %q", line, got)
		}
	}
}
