package lint_test

import (
	"strings"
	"testing"

	"github.com/guestrc/guestrc/lint"
)

// TestStatusesThatAreAlways0 has where $? cannot tell anything, and beside it
// where it does.
func TestStatusesThatAreAlways0(t *testing.T) {
	holds(t, "GL511", []situation{
		{"after !", in("start", "ebegin x\nif ! web; then\neend $?\nreturn 1\nfi\neend 0"), "GL511"},
		{"after a test of it", in("reload", "web\nif [ $? -ne 0 ]; then\nreturn $?\nfi"), "GL511"},
		{"in the background", in("start", "ebegin x\nweb &\neend $?"), "GL511"},
		{"after echo", in("reload", "ebegin x\nweb\neinfo told\neend $?"), "GL511"},
		{"after it was kept", in("reload", "ebegin x\nweb\nx=1\neend $?"), "GL511"},

		{"kept too late", in("reload", "if ! web; then\nrc=$?\neerror no\nreturn $rc\nfi"), "GL511"},
		{"told too late", in("reload", "web\nif [ $? -ne 0 ]; then\neerror \"web: $?\"\nfi"), "GL511"},
		{"after local", in("reload", "ebegin x\nweb\nlocal rc=$?\neend $?"), "GL511"},

		{"at once", in("reload", "ebegin x\nweb\neend $?"), ""},
		{"in the else", in("start", "ebegin x\nif web; then\neend 0\nelse\neend $?\nfi"), ""},
		{"of a command that succeeded", in("start", "ebegin x\nif web; then\neend $?\nfi"), ""},
		{"echo into the kernel", in("start", "ebegin x\nmodprobe web\necho 1 >/proc/sys/web\neend $?"), ""},
		{"nothing else was done", in("start", "ebegin x\neinfo told\neend $?"), ""},
		{"told by a function", in("einfo", "web") + "\n" + in("reload", "ebegin x\nweb\neinfo\neend $?"), ""},
		{"waited for", in("start", "ebegin x\nweb &\nwait $!\neend $?"), ""},
		{"the status of the loop", in("start", "ebegin x\nfor i in a b; do web $i; done\neend $?"), ""},
	})
}

func TestRemovalsInQuotes(t *testing.T) {
	holds(t, "GL41", []situation{
		{"what conf.d gives", in("stop_post", "rm -rf $web_dir"), "GL416"},
		{"below it", in("stop_post", "rm -r ${web_dir:?}/cache"), "GL416"},
		{"what a command says", in("stop_post", "rm -rf $(web --dir)"), "GL416"},
		{"find from nowhere", in("stop_post", "find $web_dir -name x -delete"), "GL411"},
		{"find and rm", in("stop_post", `find $web_dir -type f -exec rm {} +`), "GL411"},

		{"in quotes", in("stop_post", `rm -rf "$web_dir" "$(web --dir)"`), ""},
		{"its own", "dir=/run/web\n" + in("stop_post", "rm -rf $dir $dir/x"), ""},
		{"a default", "dir=${dir:-/run/web}\n" + in("stop_post", "rm -rf $dir"), ""},
		{"of a loop", in("stop_post", "for d in a b; do rm -rf /run/web/$d; done"), ""},
		{"read", in("stop_post", "while read -r d; do rm -rf /run/web/$d; done </run/web.dirs"), ""},
		{"one file", in("stop_post", "rm -f $web_file"), ""},
		{"find in quotes", in("stop_post", `find "$web_dir" -name x -delete`), ""},
		{"find that tells", in("stop_post", "find $web_dir -name x"), ""},
	})
}

func TestWhatIsOneWordAndWhatIsTwo(t *testing.T) {
	holds(t, "GL", []situation{
		{"no blank after [", "command=/usr/bin/web\n" + in("start_pre", "if [-f /x ]; then return 1; fi"), "GL415"},
		{"blanks around =", "command=/usr/bin/web\n" + in("start_pre", "x = 1"), "GL702"},
		{"a line of =", "command=/usr/bin/web\n" + in("start_pre", "echo ===="), ""},
		{"a program and options", "command=\"/usr/bin/web --port 80\"", "GL620"},
		{"the same in quotes", in("start", "start-stop-daemon --start --exec '/usr/bin/web -d' --pidfile /run/web.pid") + "\n" + in("stop", "start-stop-daemon --stop --pidfile /run/web.pid"), "GL620"},
		{"a signal that is none", declared + in("reload", "start-stop-daemon --signal HANGUP --pidfile $pidfile") + "\nextra_started_commands=reload\ndescription_reload=x", "GL614"},
		{"services with commas", declared + in("depend", "need net,dns"), "GL303"},
		{"a unit of systemd", declared + in("depend", "after docker.service"), "GL303"},
		{"a path", declared + in("depend", "need /etc/init.d/net"), "GL303"},
		{"two commands in one line", declared + in("depend", "use net after logger"), "GL303"},
		{"a capital", declared + in("depend", "Need net"), "GL306"},
		{"supervised, and forks", "supervisor=supervise-daemon\ncommand=/usr/bin/web\ncommand_args=--daemonize", "GL602"},
		{"stopped by an interpreter", in("start", "web") + "\n" + in("stop", "start-stop-daemon --stop --exec /usr/bin/python3.12"), "GL616"},
		{"by an interpreter and a pidfile", in("start", "web") + "\n" + in("stop", "start-stop-daemon --stop --exec /usr/bin/python3 --pidfile /run/web.pid"), ""},
		{"trap by a long name", declared + in("start_pre", "trap web SIGINT"), "GL406"},
		{"trap", declared + in("start_pre", "trap web INT"), ""},
		{"a test of bash's", declared + in("start_pre", "[ -v x ] && return 1\nreturn 0"), "GL402"},
		{"a log before localmount", "command=/usr/bin/web\ncommand_background=yes\npidfile=/run/web.pid\noutput_log=/var/log/web.log", "GL302"},
		{"a word of bash's in the shell's words", declared + in("start_pre", "web |& cat"), "GL003"},
		{"a file from a process", declared + in("start_pre", "web <(cat /x)"), "GL003"},
		{"cd to nowhere", declared + in("stop_post", "cd $web_dir && rm -rf *"), "GL414"},
		{"cd to somewhere", declared + in("stop_post", "cd ${web_dir:?} && rm -rf *"), ""},
		{"killall for another shell", declared + in("stop_post", `su -c "killall web" web`), "GL101"},
		{"pkill when it ends", declared + in("start_pre", "trap 'pkill -x web' EXIT"), "GL101"},
		{"a script for another shell", declared + in("start_pre", "sh -c 'web killall'"), ""},
		{"a wait without end", declared + in("start_post", "while [ ! -S /run/web.sock ]; do sleep 1; done"), "GL501"},
		{"until it is there", declared + in("start_post", "until [ -e /run/web.sock ]; do sleep 1; done"), "GL501"},
		{"until it is gone", declared + in("stop_post", "while [ -e /run/web.sock ]; do sleep 1; done"), ""},
		{"a program by hand", in("start", "/usr/bin/web -d\nsleep 1") + "\n" + in("stop", "web --stop"), "GL501"},
		{"depend() that prints", declared + in("depend", "ebegin x"), "GL206"},
	})
}

func TestConfdFunctionsRunInTheScript(t *testing.T) {
	for src, want := range map[string]string{
		"web_opts=-d\nstop_pre() {\n\tkillall web\n}\n": "GL101",
		"web_opts=-d\nstop_pre() {\n\tweb --stop\n}\n":  "",
	} {
		if got := idsOf("/etc/conf.d/web", src); got != want {
			t.Errorf("found %q, want %q, in\n%s", got, want, src)
		}
	}
}

// TestFirstLines: OpenRC executes the script, and the kernel reads its first line.
func TestFirstLines(t *testing.T) {
	const rest = "description=web\ncommand=/usr/bin/web\ndepend() {\n\tuse net\n}\n"
	for first, want := range map[string]string{"#!/sbin/openrc-run\n": "", "": "GL309", "\n#!/sbin/openrc-run\n": "GL309", "\xef\xbb\xbf#!/sbin/openrc-run\n": "GL309"} {
		if got := idsOf("/etc/init.d/web", first+rest); got != want {
			t.Errorf("%q: found %q, want %q", first, got, want)
		}
	}
}

func TestDirectivesThatAreNone(t *testing.T) {
	for comment, want := range map[string]string{
		"guestrc-lint: disable=GL608, GL610":      "",
		"guestrc-lint: disable=GL608,GL610 - why": "",
		"guestrc-lint: disable GL608":             "GL004 GL608 GL610",
		"guestrc-lint:":                           "GL004 GL608 GL610",
	} {
		if got := idsOf("/etc/init.d/web", "#!/sbin/openrc-run\n# "+comment+"\n\ncommand=/usr/bin/web\npidfile=/var/run/web.pid\n"); got != want {
			t.Errorf("%q: found %q, want %q", comment, got, want)
		}
	}
}

func idsOf(name, src string) string {
	return strings.Join(ids(lint.New(world()).Lint(name, []byte(src))), " ")
}
