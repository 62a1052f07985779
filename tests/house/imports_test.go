package house

import (
	"slices"
	"strings"
	"testing"
)

// room says what else of this module a package may know.
type room struct {
	knows []string // below the module; "/..." at the end takes in what lies below
	why   string
}

// rooms are docs/architecture.md's table, as far as a compiler could check it.
var rooms = map[string]room{
	"confd":    {nil, "it knows names, types and defaults of variables, nothing of what a guest does with them"},
	"pidfile":  {nil, "which process it is must not depend on who asks"},
	"shutdown": {nil, "it keeps deadlines; how a rung acts is a kind's business"},
	"deps":     {[]string{"confd"}, "what a guest needs follows from its files alone"},
	"history":  {[]string{"pidfile", "shutdown"}, "it keeps what it is told, whoever tells it"},
	"guest":    {[]string{"confd", "deps", "history", "pidfile", "shutdown"}, "it knows no kind and no init system"},
	"qemu":     {[]string{"bridge", "confd", "deps", "guest", "pidfile", "screen", "shutdown", "qemu/...", "image", "bootfile"}, "a kind knows no init system"},
	"qemu/qmp": {nil, "a protocol knows nothing of guests"},
	"lxc":      {[]string{"bridge", "cgroup", "confd", "deps", "guest", "pid1", "pidfile", "screen", "shutdown", "lxc/..."}, "a kind knows no init system"},

	"lxc/confile": {[]string{"confd"}, "a file format knows nothing of guests"},
	"lxc/command": {[]string{"pidfile"}, "a protocol knows nothing of guests"},
	"pid1":        {[]string{"pidfile"}, "an init is the same in every sort of container"},
	"screen":      {nil, "it reads what a console shows, whosever it is"},
	"cgroup":      {[]string{"pidfile"}, "it knows processes, not what they are for"},
	"bridge":      {nil, "it knows links, not what is plugged into them"},

	"bridge/netifrc": {[]string{"bridge", "confd"}, "variables of bridges; guests are nothing to it"},
	"bridge/service": {[]string{"bridge", "bridge/netifrc", "bridge/owner", "confd", "deps", "guest", "pidfile"}, "a bridge as a service: no kind of guests, no init system"},
	"bridge/owner":   {nil, "it looks for who else is in charge of an interface"},
	"manifest":       {nil, "it knows files, not what they are for"},

	"host":         {[]string{"confd", "guest", "pidfile"}, "it knows neither kinds nor init systems"},
	"fleet":        {nil, "an order of names; what is done with them is the caller's"},
	"history/plot": {[]string{"history", "shutdown"}, "it draws what was kept"},
	"explain":      {[]string{"guest", "history", "shutdown"}, "facts go in, reasons come out"},
	"metrics":      {[]string{"guest", "shutdown"}, "it writes numbers that others took"},

	"finding":  {[]string{"confd"}, "it is told what is wrong, by whoever found it"},
	"check":    {[]string{"confd", "deps", "finding", "guest", "shutdown"}, "kinds find, it compares: facts go in, findings come out"},
	"lint":     {[]string{"confd", "finding"}, "scripts are text: nothing of guests, nothing of this host but names of services"},
	"image":    {nil, "it reads disks, whosever they are"},
	"bootfile": {nil, "it reads kernels and initrds, whosever they are"},
	"daemon":   {[]string{"pidfile", "shutdown"}, "processes that others started; guests are nothing to it"},

	"initd": {[]string{"manifest"}, "an init system's side knows no kind"},
	"units": {[]string{"manifest"}, "an init system's side knows no kind"},

	"cmd/guestrc": {[]string{"bridge/...", "bridge", "check", "confd", "daemon", "deps", "finding", "lint", "explain", "fleet", "guest", "history", "history/plot", "host", "metrics", "pidfile", "shutdown", "qemu", "lxc", "lxc/confile", "initd", "manifest", "units"}, "it puts the house together"},
	"docs/checks": {[]string{"check", "finding", "lint"}, "it writes the catalogues down for readers"},
	"docs/man":    {[]string{"bridge/netifrc", "confd", "host", "qemu", "lxc"}, "it writes the tables of variables into a man page"},
}

func TestRoomsKnowOnlyTheirOwn(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.below("tests", "bench") {
			continue // tests may look everywhere
		}
		r, ok := rooms[f.dir]
		if !ok {
			t.Errorf("%s: package %s has no row in rooms: say there what it may know, and why", f.path, f.dir)
			continue
		}
		for _, imported := range f.imports {
			inner, ok := strings.CutPrefix(imported, module+"/")
			if !ok || inner == f.dir || f.test && strings.HasPrefix(inner, "tests/") || slices.ContainsFunc(r.knows, covers(inner)) {
				continue
			}
			t.Errorf("%s: %s imports %s: %s", f.path, f.dir, inner, r.why)
		}
	}
}

func covers(inner string) func(string) bool {
	return func(known string) bool {
		if below, ok := strings.CutSuffix(known, "..."); ok {
			return strings.HasPrefix(inner, below)
		}
		return inner == known
	}
}

// unwanted are packages that nothing imports.
var unwanted = map[string]string{
	"C":             "the binary is static: no cgo",
	"net/http":      "3 MiB for a program that serves nobody",
	"text/template": "help and man pages are written by hand",
	"html/template": "help and man pages are written by hand",
	"flag":          "flags are GNU flags, by pflag",
	"log":           "only cmd prints, and it has its own way",
}

func TestUnwantedPackages(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.harness() {
			continue
		}
		for _, imported := range f.imports {
			if why, ok := unwanted[imported]; ok {
				t.Errorf("%s: imports %q: %s", f.path, imported, why)
			}
		}
	}
}
