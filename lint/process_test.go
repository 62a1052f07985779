package lint_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/guestrc/guestrc/lint"
)

// situation is a piece of a script, and the ids of one theme that it must have;
// near misses have none.
type situation struct {
	name string
	src  string
	want string
}

// holds runs a script for each situation, behind an interpreter's line, and
// compares what has the theme's prefix.
func holds(t *testing.T, prefix string, all []situation) {
	t.Helper()
	for _, s := range all {
		t.Run(s.name, func(t *testing.T) {
			src := "#!/sbin/openrc-run\ndescription=x\n" + s.src + "\n"
			var got []string
			for _, f := range lint.New(world()).Lint("/etc/init.d/web", []byte(src)) {
				if f.ID == "GL002" {
					t.Fatalf("%s: %s", f.Pos, f.Message)
				}
				if strings.HasPrefix(f.ID, prefix) {
					got = append(got, f.ID)
				}
			}
			slices.Sort(got)
			if text := strings.Join(got, " "); text != s.want {
				t.Errorf("found %q, want %q, in\n%s", text, s.want, src)
			}
		})
	}
}

func in(function, body string) string { return function + "() {\n" + body + "\n}" }

func TestProcessesByName(t *testing.T) {
	holds(t, "GL1", []situation{
		{"killall", in("stop", "killall web"), "GL101"},
		{"killall by path", in("stop", "/usr/bin/killall -q -TERM web"), "GL101"},
		{"pkill through command", in("stop", "command pkill -x web"), "GL101"},
		{"busybox's", in("stop", "busybox killall web"), "GL101"},
		{"behind timeout", in("stop", "timeout -k 5 30 pkill web"), "GL101"},
		{"pkill of a user's", in("stop", "pkill -u web -x web"), "GL101"},
		{"-USR1 is no -S", in("reload", "pkill -USR1 web"), "GL101"},
		{"everything", in("stop", "killall5 -15"), "GL101"},
		{"killall -0 asks", in("stop", "killall -q -0 web && return 0"), "GL102"},
		{"pidof", in("status", "pidof web >/dev/null"), "GL102"},
		{"pgrep for a pid", in("reload", "kill -HUP $(pgrep -x web)"), "GL102"},
		{"ps -C", in("status", "ps -C web -o pid="), "GL102"},
		{"pkill by pidfile", in("reload", "pkill -HUP -F /run/web.pid"), ""},
		{"pkill by pidfile, long", in("reload", "pkill --signal HUP --pidfile /run/web.pid"), ""},
		{"pkill of children", in("stop", `pkill -P "$pid"`), ""},
		{"one namespace", in("stop", "pkill --ns 1 --nslist pid web"), ""},
		{"killall in a namespace", in("stop", "killall -n 1 web"), ""},
		{"pidof within one root", in("status", "pidof -c web"), ""},
		{"the script's own pidof", "pidof() { return 0; }\n" + in("status", "pidof web"), ""},
		{"killall as a word", in("start", "command -v killall; echo killall; man killall"), ""},
		{"in a comment", in("start", "# killall web\n:"), ""},
		{"guestrc's", in("stop", "guestrc killall web"), ""},
		{"list of signals", in("start", "killall -l"), ""},
		{"threads of the kernel", in("stop", "killall -2 nfsd"), ""},
	})
}

func TestNumbersFromFiles(t *testing.T) {
	holds(t, "GL1", []situation{
		{"in place", in("reload", `kill -HUP $(cat /run/web.pid)`), "GL103"},
		{"backquotes", in("reload", "kill -HUP `cat $pidfile`"), "GL103"},
		{"quoted", in("reload", `kill -HUP "$(head -n1 "$pidfile")"`), "GL103"},
		{"the first line", in("reload", `kill "$(cat $pidfile | head -1)"`), "GL103"},
		{"redirected", in("reload", `kill "$(<$pidfile)"`), "GL103"},
		{"through a variable", in("stop", "local pid\npid=$(cat $pidfile)\nkill $pid"), "GL103"},
		{"through read", in("stop", "read -r pid <$pidfile\nkill -9 \"$pid\""), "GL103"},
		{"only asked", in("status", "kill -0 $(cat $pidfile)"), ""},
		{"asked by name of the signal", in("status", "kill -s 0 $(cat $pidfile)"), ""},
		{"looked at in /proc", in("stop", "pid=$(cat $pidfile)\n[ \"$(readlink /proc/$pid/exe)\" = /usr/bin/web ] && kill $pid"), ""},
		{"looked at with read", in("stop", "read -r pid <$pidfile\nread -r name </proc/$pid/comm\n[ $name = web ] && kill $pid"), ""},
		{"its own child", in("start", "sleep 1000 &\npid=$!\nkill $pid"), ""},
		{"several values", in("stop", "pid=$!\n[ -n \"$pid\" ] || pid=$(cat $pidfile)\nkill $pid"), ""},
		{"a cgroup's", in("stop", "kill $(cat /sys/fs/cgroup/web/cgroup.procs)"), ""},
		{"an argument", in("stop", "kill $1"), ""},
		{"no kill", in("reload", "echo $(cat $pidfile)"), ""},
	})
}

func TestProcessesInPs(t *testing.T) {
	holds(t, "GL1", []situation{
		{"grep", in("status", "ps ax | grep -q '[w]eb'"), "GL104"},
		{"awk", in("stop", "kill $(ps aux | awk '/web/ { print $2 }')"), "GL104"},
		{"grep behind another", in("status", "ps ax | tail -n +2 | grep -q web"), "GL104"},
		{"of one process", in("status", `ps -p "$pid" | grep -q web`), ""},
		{"of one process, long", in("status", `ps --pid=$pid -o comm= | grep -q web`), ""},
		{"numbers alone", in("status", `ps -eo pid | grep -q "$number"`), ""},
		{"by number", in("status", `ps ax | grep "^ *$pid "`), ""},
		{"shown to people", in("status", "ps ax"), ""},
		{"counted", in("status", "ps ax | wc -l"), ""},
		{"grep first", in("status", "grep web /etc/services | sort"), ""},
	})
}
