package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guestrc/guestrc/tests/need"
)

// toolTime is for one run of QEMU's tools, which takes some 20 ms.
const toolTime = 20 * time.Second

// tool runs one in the directory.
func tool(t *testing.T, dir string, argv ...string) []byte {
	t.Helper()
	need.Programs(t, argv[0])
	ctx, cancel := context.WithTimeout(t.Context(), toolTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		t.Fatalf("%q: %v", argv, err)
	}
	return out
}

// TestChainIsQEMUs holds chains against what qemu-img says of them.
func TestChainIsQEMUs(t *testing.T) {
	dir := t.TempDir()
	sub := filepath.Join(dir, "sub")
	if err := os.Mkdir(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []string{
		"create -q -f raw base.raw 5M",
		"create -q -f qcow2 -o compat=0.10 -b base.raw -F raw old.qcow2",
		"create -q -f qcow2 -b ../old.qcow2 -F qcow2 sub/top.qcow2 9M",
		"create -q -f qcow2 -b file:" + dir + "/old.qcow2 -F qcow2 file.qcow2",
		"create -q -f qcow2 -o cluster_size=512 alone.qcow2 3M",
		"create -q -f qcow2 -o data_file=data.raw,data_file_raw=on data.qcow2 3M",
		"create -q -f qcow2 -o extended_l2=on,cluster_size=128k extended.qcow2 3M",
		"create -q -f qcow2 -o compression_type=zstd zstd.qcow2 3M",
		"create -q -f qcow2 -o preallocation=metadata,lazy_refcounts=on lazy.qcow2 3M",
		"create -q -f vdi v.vdi 3M",
		"create -q -f qcow2 -b v.vdi -F vdi onvdi.qcow2",
	} {
		tool(t, dir, append([]string{"qemu-img"}, strings.Fields(c)...)...)
	}
	if err := os.Symlink("sub/top.qcow2", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"base.raw", "old.qcow2", "sub/top.qcow2", "file.qcow2", "alone.qcow2", "data.qcow2", "extended.qcow2", "zstd.qcow2", "lazy.qcow2", "onvdi.qcow2"} {
		path := filepath.Join(dir, name)
		var want []struct {
			Filename string `json:"filename"`
			Format   string `json:"format"`
			Size     uint64 `json:"virtual-size"`
			Backing  string `json:"backing-filename-format"`
		}
		if err := json.Unmarshal(tool(t, dir, "qemu-img", "info", "--output=json", "--backing-chain", path), &want); err != nil {
			t.Fatal(err)
		}
		links, err := Chain(t.Context(), path, "")
		if err != nil || len(links) != len(want) {
			t.Errorf("%s: %+v, %v, want %+v", name, links, err, want)
			continue
		}
		for n, l := range links {
			size := want[n].Size
			if l.Format == "vdi" {
				size = 0
			}
			if l.Path != want[n].Filename || l.Format != want[n].Format || l.Size != size {
				t.Errorf("%s: %+v, want %+v", name, l, want[n])
			}
			if n+1 < len(links) && links[n+1].Recorded != want[n].Backing {
				t.Errorf("%s: on record is %q, want %q", name, links[n+1].Recorded, want[n].Backing)
			}
		}
	}
	// As QEMU, which does not resolve the link, it looks beside the link.
	var broken *ChainError
	if _, err := Chain(t.Context(), filepath.Join(dir, "link"), ""); !errors.As(err, &broken) || broken.Path != dir+"/../old.qcow2" {
		t.Errorf("through a link: %v", err)
	}
}

// unrecorded is an image that has no format on record for what it stands on.
func unrecorded(backing string) []byte {
	b := tinyQcow2(2, backing)
	clear(b[72:76])
	return b
}

func TestBrokenChains(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, content []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("raw", make([]byte, 1024))
	put("plain", tinyQcow2(3, ""))
	put("missing", tinyQcow2(3, "nowhere"))
	put("wrong", tinyQcow2(3, "plain")) // raw is on record
	put("self", unrecorded("self"))
	put("a", unrecorded("./a"))
	put("dir", tinyQcow2(3, "."))
	put("remote", tinyQcow2(3, "nbd://host/disk"))
	put("good", tinyQcow2(3, "raw"))
	put("cut", tinyQcow2(3, "")[:80])
	long := tinyQcow2(3, "raw")
	long[16] = 0xff
	put("long", long)
	for name, want := range map[string]struct {
		told  string
		links int
		path  string // of the error
		is    error
		says  string
	}{
		"good": {links: 2}, "plain": {links: 1}, "raw": {links: 1}, "remote": {links: 2},
		"missing": {links: 1, path: "nowhere", is: fs.ErrNotExist, says: "which " + dir + "/missing stands on: no such file"},
		"wrong":   {links: 1, path: "plain", says: "it is to be raw and is qcow2"},
		"self":    {links: 1, path: "self", says: "circle"},
		"a":       {links: 1, path: "./a", is: ErrCircle},
		"dir":     {links: 1, path: ".", says: "stands on: neither a file nor a block device"},
		"cut":     {links: 1, path: "cut", says: "the file ends within its qcow2 header"},
		"long":    {links: 1, path: "long", says: "too long"},
		"nothing": {path: "nothing", is: fs.ErrNotExist},
	} {
		links, err := Chain(t.Context(), filepath.Join(dir, name), want.told)
		if len(links) != want.links || (err == nil) != (want.path == "") {
			t.Errorf("%s: %+v, %v", name, links, err)
			continue
		}
		var broken *ChainError
		if err != nil && (!errors.As(err, &broken) || broken.Path != dir+"/"+want.path || !strings.Contains(err.Error(), want.says) || want.is != nil && !errors.Is(err, want.is)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	links, err := Chain(t.Context(), filepath.Join(dir, "remote"), "qcow2")
	want := Link{Path: "nbd://host/disk", Recorded: "raw", NotFollowed: "nbd: is not followed"}
	if err != nil || len(links) != 2 || links[1] != want {
		t.Errorf("%+v, %v", links, err)
	}
	if links, err := Chain(t.Context(), filepath.Join(dir, "missing"), "raw"); err != nil || len(links) != 1 {
		t.Errorf("read as raw it stands on nothing: %+v, %v", links, err)
	}
	var format *FormatError
	if _, err := Chain(t.Context(), filepath.Join(dir, "raw"), "qcow2"); !errors.As(err, &format) || *format != (FormatError{"qcow2", "raw"}) {
		t.Errorf("raw told to be qcow2: %v", err)
	}
}

func TestChainsEnd(t *testing.T) {
	dir := t.TempDir()
	for n := range maxChain + 2 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(n)), unrecorded(fmt.Sprint(n+1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if links, err := Chain(t.Context(), filepath.Join(dir, "0"), ""); !errors.Is(err, ErrDeep) || len(links) != maxChain {
		t.Errorf("%d links, %v", len(links), err)
	}
}

func TestResolve(t *testing.T) {
	for _, c := range [][4]string{
		{"/v/top", "base", "/v/base", ""}, {"top", "base", "base", ""}, {"/v/top", "/w/base", "/w/base", ""},
		{"/v/l/top", "../base", "/v/l/../base", ""}, {"/v/top", "a/b:c", "/v/a/b:c", ""}, {"/v/top", "file:/w/a:b", "/w/a:b", ""},
		{"/v/top", `json:{"driver":"nbd"}`, "", "json: is not followed"}, {"/v/top", "https://h/x", "", "https: is not followed"},
		{"/v/top", "file:base", "", "file: is not followed"}, {"/v/top", "a\x00b", "", "its name has a NUL byte"},
	} {
		path, why := resolve(c[0], c[1])
		if diff := cmp.Diff([]string{c[2], c[3]}, []string{path, why}); diff != "" {
			t.Errorf("%q in %s (-want +got):\n%s", c[1], c[0], diff)
		}
	}
}
