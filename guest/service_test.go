package guest

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/confd"
	"github.com/guestrc/guestrc/deps"
)

func layoutWith(t *testing.T, files map[string]string, links map[string]string) Layout {
	t.Helper()
	l := Layout{Root: t.TempDir()}
	for path, text := range files {
		path = l.At(path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for path, target := range links {
		path = l.At(path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func TestNamesAreOfFilesLinksAndRuns(t *testing.T) {
	l := layoutWith(t,
		map[string]string{"etc/conf.d/fake.conf": "", "etc/conf.d/fake": "", "etc/conf.d/other.x": "", "etc/init.d/fake.file": "", "run/guestrc/fake.ran/lock": "", "run/guestrc/depend/stamp": ""},
		map[string]string{"etc/init.d/fake.link": "guestrc", "etc/init.d/fake.abs": "/usr/bin/guestrc", "etc/init.d/fake.theirs": "net.lo"})
	h := &House{Layout: l, Kinds: []Kind{fakeKind{}}}
	got, err := h.Names()
	want := []Name{{"fake", "abs"}, {"fake", "conf"}, {"fake", "link"}, {"fake", "ran"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	other, err := Names(l, func(kind string) bool { return kind == "other" })
	if diff := cmp.Diff([]Name{{"other", "x"}}, other); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestServicesKeepTheirOrderAndTheirErrors(t *testing.T) {
	files := map[string]string{"etc/conf.d/fake.bad": "if true; then\n"}
	var names []Name
	for _, name := range []string{"a", "bad", "b", "c"} {
		if name != "bad" {
			files["etc/conf.d/fake."+name] = "rc_need=fake.of-" + name + "\n"
		}
		names = append(names, Name{"fake", name})
	}
	h := &House{Layout: layoutWith(t, files, nil), Kinds: []Kind{fakeKind{}}}
	services, errs := h.Services(names)
	for i, n := range names {
		if inputs := h.Layout.ConfFiles(n); cmp.Diff(inputs, services[i].Inputs) != "" {
			t.Errorf("%s: inputs %v", n, services[i].Inputs)
		}
		if n.Instance == "bad" {
			if errs[i] == nil {
				t.Error("no error of the bad one")
			}
			continue
		}
		want := []deps.Dependency{{Relation: deps.Need, Sort: deps.Service, Name: "fake.of-" + n.Instance, Why: "rc_need", Pos: confd.Pos{File: h.Layout.ConfFiles(n)[1], Line: 1, Col: 1}}}
		if diff := cmp.Diff(want, services[i].Dependencies); diff != "" || errs[i] != nil || services[i].Stop <= 0 {
			t.Errorf("%s: %+v, %v\n%s", n, services[i], errs[i], diff)
		}
	}
}

func TestEachCallsForEveryNumberOnce(t *testing.T) {
	for _, n := range []int{0, 1, 2, 100} {
		calls := make([]atomic.Int32, n)
		Each(n, 8, func(i int) { calls[i].Add(1) })
		for i := range calls {
			if got := calls[i].Load(); got != 1 {
				t.Errorf("%d of %d was called %d times", i, n, got)
			}
		}
	}
}
