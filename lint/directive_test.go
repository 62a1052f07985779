package lint_test

import (
	"slices"
	"testing"

	"github.com/guestrc/guestrc/lint"
)

// TestDirectivesSilence: GL003 is found in line 5 and nowhere else.
func TestDirectivesSilence(t *testing.T) {
	const array = "\targs=(1 2)\n"
	for _, c := range []struct {
		name, src string
		silent    bool
	}{
		{"none", "start() {\n" + array + "}\n", false},
		{"at the end of its line", "start() {\n\targs=(1 2) # guestrc-lint: disable=GL003\n}\n", true},
		{"at the end of another line", "start() { # guestrc-lint: disable=GL003\n" + array + "}\n", false},
		{"above it", "start() {\n\t# guestrc-lint: disable=GL003\n" + array + "}\n", true},
		{"above its function", "# guestrc-lint: disable=GL003\nstart() {\n" + array + "}\n", true},
		{"above another function", "# guestrc-lint: disable=GL003\nstop() {\n\treturn 0\n}\nstart() {\n" + array + "}\n", false},
		{"of the file", "# guestrc-lint: disable=GL003\n\nstop() {\n\treturn 0\n}\nstart() {\n" + array + "}\n", true},
		{"of the file, in the middle", "stop() {\n\treturn 0\n}\n# guestrc-lint: disable=GL003\n\nstart() {\n" + array + "}\n", false},
		{"another id", "# guestrc-lint: disable=GL001\n\nstart() {\n" + array + "}\n", false},
		{"several ids, with words after them", "# guestrc-lint: disable=GL001,gl003 this shell is ours\n\nstart() {\n" + array + "}\n", true},
		{"all", "# guestrc-lint: disable=all\n\nstart() {\n" + array + "}\n", true},
		{"in a text", "description='# guestrc-lint: disable=GL003'\nstart() {\n" + array + "}\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := ids(lint.New(world()).Lint("/etc/init.d/web", []byte("#!/sbin/openrc-run\n"+c.src)))
			if got := !slices.Contains(found, "GL003"); got != c.silent {
				t.Errorf("found %q; GL003 silenced: %v, want %v", found, got, c.silent)
			}
		})
	}
}

func TestKindsOfFiles(t *testing.T) {
	for _, c := range []struct {
		name, src string
		want      lint.Kind
	}{
		{"/etc/init.d/web", "#!/sbin/openrc-run\n", lint.Script},
		{"web.in", "#!@SBINDIR@/openrc-run\n", lint.Script},
		{"web", "#!/usr/bin/env openrc-run\n", lint.Script},
		{"web", "#! /sbin/runscript\n", lint.Script},
		{"web", "#!/bin/sh\n", lint.Shell},
		{"web", "#!/bin/bash\n", lint.Other},
		{"web", "#!/usr/bin/python3\n", lint.Other},
		{"web", "\x7fELF\x02\x01", lint.Other},
		{"/etc/conf.d/web", "", lint.Conf},
		{"/etc/conf.d/web", "whatever this is\n", lint.Conf},
		{"web.confd", "# nothing\n", lint.Conf},
		{"settings", "# of web\n\nWEB_OPTS=\"-v\"\n", lint.Conf},
		{"settings", "export WEB_OPTS=\"-v\"\n", lint.Conf},
		{"README", "The service web = a server.\n", lint.Other},
		{"web", "# no interpreter\nfoo\ndepend() {\n\tneed net\n}\n", lint.Script},
		{"empty", "", lint.Other},
	} {
		if got := lint.KindOf(c.name, []byte(c.src)); got != c.want {
			t.Errorf("%s, %q: kind %d, want %d", c.name, c.src, got, c.want)
		}
	}
}

func TestProvides(t *testing.T) {
	got := lint.Provides([]byte("#!/sbin/openrc-run\nname=mta\ndepend() {\n\tneed net\n\tprovide $name \"smtp relay\" $(hostname)\n}\n"))
	if want := []string{"mta", "smtp", "relay"}; !slices.Equal(got, want) {
		t.Errorf("provides %q, want %q", got, want)
	}
}
