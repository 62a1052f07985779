package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/guest"
)

// plant writes files below a new root.
func plant(t testing.TB, files map[string]string) (root string) {
	t.Helper()
	root = t.TempDir()
	for path, text := range files {
		path = filepath.Join(root, path)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func generatorOf(root, dir string) *generator {
	e := newEnv(generatorName, nil, io.Discard, io.Discard, func(string) string { return "" })
	e.enter(root)
	return newGenerator(e, dir)
}

// One guest's files on a dead network file system keep neither the boot nor
// the other guests waiting.
func TestGeneratorGivesUpInTime(t *testing.T) {
	root := plant(t, map[string]string{"etc/conf.d/qemu.a": "", "etc/conf.d/qemu.dead": "", "etc/conf.d/qemu.z": ""})
	dir := t.TempDir()
	g := generatorOf(root, dir)
	var warned []string
	g.warn = func(_ string, err error) { warned = append(warned, err.Error()) }
	dead, others := make(chan struct{}), make(chan struct{}, 2)
	t.Cleanup(func() { close(dead) })
	real := g.service
	g.service = func(n guest.Name) (guest.Service, error) {
		if n.Instance == "dead" {
			<-others // with one processor nobody is left to do them afterwards
			<-dead
		}
		defer func() { others <- struct{}{} }()
		return real(n)
	}
	g.run(2 * time.Second)
	if len(warned) != 1 || !strings.Contains(warned[0], "gave up after 2s") {
		t.Errorf("warnings: %q", warned)
	}
	if _, err := os.Stat(filepath.Join(dir, "guestrc-qemu@a.service.d/50-guestrc.conf")); err != nil {
		t.Error(err)
	}
}

func TestGeneratorSurvivesAFaultOfItsOwn(t *testing.T) {
	root := plant(t, map[string]string{"etc/conf.d/qemu.a": "", "etc/conf.d/qemu.b": "", "etc/conf.d/qemu.c": ""})
	dir := t.TempDir()
	g := generatorOf(root, dir)
	var warned []string
	g.warn = func(unit string, err error) { warned = append(warned, unit+": "+err.Error()) }
	real := g.service
	g.service = func(n guest.Name) (guest.Service, error) {
		if n.Instance == "b" {
			panic("a fault")
		}
		return real(n)
	}
	g.run(time.Minute)
	if len(warned) != 1 || !strings.HasPrefix(warned[0], "guestrc-qemu@b.service: ") || !strings.Contains(warned[0], "a fault") {
		t.Errorf("warnings: %q", warned)
	}
	for _, name := range []string{"a", "c"} {
		if _, err := os.Stat(filepath.Join(dir, "guestrc-qemu@"+name+".service.d/50-guestrc.conf")); err != nil {
			t.Error(err)
		}
	}
}

// A thousand guests with one fault are told of in a few lines.
func TestGeneratorDoesNotFloodTheJournal(t *testing.T) {
	g := generatorOf(t.TempDir(), t.TempDir())
	var warned []string
	g.warn = func(_ string, err error) { warned = append(warned, err.Error()) }
	for i := range 1000 {
		g.say("", errors.Join(fmt.Errorf("%d", i), fmt.Errorf("%d again", i)))
	}
	if len(warned) != maxWarnings+1 || warned[1] != "0 again" || !strings.Contains(warned[maxWarnings], "guestrc deps") {
		t.Errorf("%d warnings: %q", len(warned), warned)
	}
}

// A boot waits for it: 50 ms for a thousand guests, on tmpfs, are the aim.
func BenchmarkGenerator(b *testing.B) {
	kinds := map[string]func(files map[string]string, i int){
		"qemu": func(files map[string]string, i int) {
			files[fmt.Sprintf("etc/conf.d/qemu.g%d", i)] = fmt.Sprintf("memory=512M\ndisk0_file=/srv/vm/g%d.img\ndisk0_format=raw\nnet0_br=br0\n", i)
		},
		"lxc": func(files map[string]string, i int) {
			files[fmt.Sprintf("etc/conf.d/lxc.g%d", i)] = ""
			files[fmt.Sprintf("var/lib/lxc/g%d/config", i)] = fmt.Sprintf("lxc.uts.name = g%d\nlxc.rootfs.path = dir:/srv/g%d\n"+
				"lxc.net.0.type = veth\nlxc.net.0.link = br0\nlxc.net.0.flags = up\nlxc.mount.entry = /srv/data srv none bind 0 0\n", i, i)
		},
	}
	for kind, add := range kinds {
		b.Run(kind, func(b *testing.B) {
			var defaults strings.Builder
			if err := kindNamed(kind).Vars().Sample(&defaults, "defaults"); err != nil {
				b.Fatal(err)
			}
			files := map[string]string{"etc/conf.d/net.br0": "", "etc/conf.d/" + kind: defaults.String()}
			for i := range 1000 {
				add(files, i)
			}
			root, dir := plant(b, files), b.TempDir()
			for b.Loop() {
				generatorOf(root, dir).run(time.Minute)
			}
		})
	}
}
