package initd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// state gives OpenRC's state to a root: files by their path below /run/openrc.
func state(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for path, text := range files {
		path = filepath.Join(root, stateDir, path)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func isOurs(name string) bool {
	return name == Gate || strings.HasPrefix(name, "qemu.") || strings.HasPrefix(name, "lxc.")
}

const tree = `depinfo_0_service='localmount'
depinfo_1_service='qemu.db'
depinfo_1_iprovide_0='database'
depinfo_1_iprovide_1='dns'
depinfo_1_keyword_0='-timeout'
depinfo_2_service='app'
depinfo_2_ineed_0='localmount'
depinfo_2_ineed_1='database'
depinfo_2_iuse_0='lxc.web'
depinfo_3_service='idle'
depinfo_3_ineed_0='lxc.web'
depinfo_4_service='local'
depinfo_4_iafter_0='lxc.web'
depinfo_4_iafter_1='qemu.db'
depinfo_5_service='lxc.web'
depinfo_5_ineed_0='qemu.db'
depinfo_5_needsme_0='app'
depinfo_6_service='slow'
depinfo_6_iwant_0='lxc.web'
depinfo_7_service='database'
depinfo_7_providedby_0='qemu.db'
`

func TestUsersAreThoseThatAreUp(t *testing.T) {
	h, root := hostWith(t, nil, nil)
	if users, err := h.Users(t.Context(), isOurs); err != nil || len(users) != 0 {
		t.Errorf("where OpenRC has not run: %v, %v", users, err)
	}
	state(t, root, map[string]string{"deptree": tree, "started/localmount": "", "started/app": "", "started/local": "",
		"started/qemu.db": "", "started/lxc.web": "", "stopping/slow": ""})
	users, err := h.Users(t.Context(), isOurs)
	want := map[string][]string{"qemu.db": {"app"}, "lxc.web": {"app", "slow"}}
	if diff := cmp.Diff(want, users); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestDeptreeIsRefusedWithAPosition(t *testing.T) {
	h, root := hostWith(t, nil, nil)
	path := filepath.Join(root, stateDir, "deptree")
	for text, want := range map[string]string{
		"depinfo_0_service='a'\nneed b\n":             "deptree:2:1: it is no depinfo",
		"depinfo_0_service=a\n":                       "deptree:1:1: its value is no word in quotes",
		"depinfo_0_service=''\n":                      "deptree:1:1: its value",
		"depinfo_0_service='a'\ndepinfo_1_iuse_0='b'": "deptree:2:1: it is of no service",
		"depinfo_0_service='a'\ndepinfo_0_iuse_x='b'": "deptree:2:1: its name is not numbered",
		"depinfo_0_ineed_0='b'\n":                     "deptree:1:1: it is of no service",
		"depinfo_x_service='b'\n":                     "deptree:1:1: its name is not numbered",
	} {
		state(t, root, map[string]string{"deptree": text})
		users, err := h.Users(t.Context(), isOurs)
		if err == nil || !strings.Contains(err.Error(), filepath.Dir(path)+"/"+want) {
			t.Errorf("%q: %v, %v; want %s", text, users, err, want)
		}
	}
}

func FuzzDeptree(f *testing.F) {
	f.Add(tree)
	f.Add("depinfo_0_service='a'\n\n")
	f.Add("depinfo_0_service='a'\ndepinfo_0_iuse_4294967296='='\n")
	f.Fuzz(func(t *testing.T, text string) {
		tree, err := parseDeptree("deptree", text)
		if err != nil {
			return
		}
		for service, names := range tree.uses {
			for _, name := range names {
				if service == "" || name == "" || !strings.Contains(text, "='"+name+"'") {
					t.Errorf("%q uses %q", service, name)
				}
			}
			tree.targets(service)
		}
	})
}
