package lint_test

import (
	"strings"
	"testing"

	"github.com/guestrc/guestrc/lint"
)

const declared = "command=/usr/bin/web\npidfile=/run/web.pid\n"

func ssd(args string) string {
	return declared + in("stop", "start-stop-daemon "+args)
}

func TestStartStopDaemonIsCalledRight(t *testing.T) {
	holds(t, "GL6", []situation{
		{"nobody to stop", ssd("--stop --quiet"), "GL601"},
		{"root's", ssd("--stop --user root"), "GL601"},
		{"a signal to nobody", ssd("--signal HUP"), "GL601"},
		{"short options", ssd("-K -p $pidfile"), ""},
		{"a cluster", ssd("-Kqp $pidfile"), ""},
		{"a value in the same word", ssd("--stop --pidfile=/run/web.pid"), ""},
		{"an abbreviation", ssd("--stop --pid /run/web.pid"), ""},
		{"the program as it is", ssd("--stop /usr/bin/web"), ""},
		{"what a variable may say", ssd("--stop $who"), ""},
		{"Debian's option", ssd("--stop --remove-pidfile --pidfile $pidfile"), "GL606"},
		{"an ambiguous abbreviation", ssd("--stop --st --pidfile $pidfile"), "GL606"},
		{"misspelt", declared + in("start", "start-stop-daemon --start --excec /usr/bin/web"), "GL606"},
		{"the daemon's own options", declared + in("start", "start-stop-daemon --start --exec /usr/bin/web --pidfile $pidfile -- --listen 80 -Z"), ""},
		{"the daemon's own options, without --", declared + in("start", "start-stop-daemon --start --exec /usr/bin/web --pidfile $pidfile --listen 80 --fast"), "GL606"},
		{"options in a variable", declared + in("start", `start-stop-daemon --start --exec /usr/bin/web --pidfile $pidfile "--$x"`), ""},
		{"busybox's", ssd("--help >/dev/null; busybox start-stop-daemon -K --nothing -x web"), ""},
		{"to the background at a stop", ssd("--stop --background --pidfile $pidfile"), "GL613"},
		{"output in the foreground", declared + in("start", "start-stop-daemon --start --exec /usr/bin/web --pidfile $pidfile --stdout /var/log/web"), "GL613"},
		{"output in the background", declared + in("start", "start-stop-daemon --start -b -x /usr/bin/web -p $pidfile -1 /var/log/web -- -f"), ""},
		{"output, perhaps in the background", declared + in("start", "start-stop-daemon --start $opts -x /usr/bin/web -p $pidfile -1 /var/log/web"), ""},
		{"the user changed as of old", declared + in("start", "start-stop-daemon --start -c web -x /usr/bin/web -p $pidfile"), "GL619"},
		{"a retry at a start", declared + in("start", "start-stop-daemon --start --retry TERM/3/KILL/3 -x /usr/bin/web -p $pidfile"), "GL619"},
		{"by name", ssd("--stop --name web"), "GL616"},
		{"by user", ssd("--stop --user web"), "GL616"},
		{"asked by name", ssd("--stop --test --name web"), ""},
		{"by name and pidfile", ssd("--stop --name web --pidfile $pidfile"), ""},
		{"by program", ssd("--stop --exec /usr/bin/web"), ""},
		{"threads of the kernel", ssd("--stop --name nfsd --user root --signal 2"), ""},
		{"a name of 16", ssd("--stop --name web-server-16byt"), "GL617"},
		{"a name of 15", ssd("--stop --exec /usr/bin/web-server-15by"), ""},
		{"a name of 16 with a pidfile", ssd("--stop --exec /usr/bin/web-server-16byt --pidfile $pidfile"), ""},
	})
}

func TestPidfilesHaveTheRightNumber(t *testing.T) {
	holds(t, "GL6", []situation{
		{"in the foreground", declared + in("start", "start-stop-daemon --start -m -p $pidfile -x /usr/bin/web"), "GL602"},
		{"in the background", declared + in("start", "start-stop-daemon --start -bmp $pidfile -x /usr/bin/web"), ""},
		{"beside the script", declared + in("start", "start-stop-daemon --start -m -p $pidfile -x /usr/bin/web &"), ""},
		{"perhaps in the background", declared + in("start", "start-stop-daemon --start $b -m -p $pidfile -x /usr/bin/web"), ""},
		{"in the background, and forked", declared + in("start", "start-stop-daemon --start -bmp $pidfile -x /usr/bin/web -- --daemonize"), "GL602"},
		{"told not to fork", declared + in("start", "start-stop-daemon --start -bmp $pidfile -x /usr/bin/web -- --daemonize no"), ""},
		{"told not to detach", declared + in("start", "start-stop-daemon --start -bmp $pidfile -x /usr/bin/web -- --daemonize --no-detach"), ""},
		{"in rsync's daemon mode", declared + in("start", "start-stop-daemon --start -bmp $pidfile -x /usr/bin/rsync -- --daemon --no-detach"), ""},
		{"declared, and forked", declared + "command_background=yes\ncommand_args=\"--daemonize --fast\"", "GL602"},
		{"declared", declared + "command_background=yes\ncommand_args=--foreground", ""},
		{"no pidfile", "command=/usr/bin/web\ncommand_background=true", "GL604"},
		{"a pidfile by default", "command=/usr/bin/web\n: ${pidfile:=/run/web.pid}\ncommand_background=true", ""},
		{"a pidfile of conf.d", "command=/usr/bin/web\ncommand_args=\"-p $pidfile\"\ncommand_background=true", ""},
		{"perhaps a supervisor", "command=/usr/bin/web\nsupervisor=${supervisor:-supervise-daemon}\ncommand_background=true", ""},
		{"a start of its own", "command=/usr/bin/web\ncommand_background=true\n" + in("start", ":"), ""},
		{"not in the background", "command=/usr/bin/web\ncommand_background=no", ""},
		{"two ways to the background", declared + "command_background=yes\ncommand_args_background=-d", "GL604"},
		{"supervised", declared + "command_background=yes\nsupervisor=supervise-daemon", "GL618"},
		{"output without a background", declared + "output_log=/var/log/web", "GL613"},
		{"output with arguments", declared + "start_stop_daemon_args=--background\noutput_log=/var/log/web", ""},
		{"output, supervised", declared + "supervisor=supervise-daemon\noutput_log=/var/log/web", ""},
		{"two pidfiles", "pidfile=/run/a.pid\ncommand=/usr/bin/web\n" + in("stop", "start-stop-daemon --stop --pidfile /run/b.pid"), "GL607"},
		{"the same by two names", "pidfile=/run/a.pid\ncommand=/usr/bin/web\n" + in("stop", "start-stop-daemon --stop --pidfile /var/run/a.pid"), "GL608"},
		{"two daemons", "pidfile=/run/a.pid\ncommand=/usr/bin/web\n" + in("stop", "default_stop\nstart-stop-daemon --stop --pidfile /run/b.pid"), ""},
		{"in /tmp", "pidfile=/tmp/web.pid\ncommand=/usr/bin/web", "GL609"},
		{"below a directory in /tmp", "pidfile=/tmp/web/web.pid\ncommand=/usr/bin/web", ""},
	})
}

func TestWhoMayReplaceAPidfile(t *testing.T) {
	const own = "command=/usr/bin/web\npidfile=/run/web/web.pid\n"
	holds(t, "GL6", []situation{
		{"its directory's owner", own + in("start_pre", "checkpath -d -o web:web /run/web"), "GL605"},
		{"by long options", own + in("start_pre", "checkpath --directory --owner=web --mode=0750 /run/web/"), "GL605"},
		{"by its own variable", own + in("start_pre", `checkpath -d -o "$web_user" "${pidfile%/*}"`), "GL605"},
		{"by dirname", own + in("start_pre", `checkpath -qdo web "$(dirname "$pidfile")"`), "GL605"},
		{"by a variable of both", "dir=${web_dir}\ncommand=/usr/bin/web\npidfile=\"${dir}/web.pid\"\n" + in("start_pre", `checkpath -d -o web "$dir"`), "GL605"},
		{"its group", own + in("start_pre", "checkpath -d -m 0775 -o root:web /run/web"), "GL605"},
		{"the file itself", declared + in("start_pre", `checkpath -f -o web "$pidfile"`), "GL605"},
		{"every user", own + in("start_pre", "checkpath -d -m 0777 /run/web"), "GL605"},
		{"by chown", own + in("start_pre", "mkdir -p /run/web\nchown -R web:web /run/web"), "GL605"},
		{"the file, by chown", declared + in("start_pre", `touch "$pidfile"`+"\n"+`chown web "$pidfile"`), "GL605"},
		{"by install", own + in("start_pre", "install -d -m 755 -o web -g web /run/web"), "GL605"},
		{"back to root", own + in("start_pre", "chown root:web /run/web"), ""},
		{"chown of another", own + in("start_pre", "chown web /var/lib/web"), ""},
		{"like another file", own + in("start_pre", "chown --reference=/var/lib/web /run/web"), ""},
		{"a file, by install", own + in("start_pre", "install -o web /etc/web.conf /run/web"), ""},
		{"root", own + in("start_pre", "checkpath -d -o root:web -m 0750 /run/web"), ""},
		{"root by number", own + in("start_pre", "checkpath -d -o 0:0 -m 0775 /run/web"), ""},
		{"another directory", own + in("start_pre", "checkpath -d -o web /run/web/sockets /var/log/web"), ""},
		{"beside it", declared + in("start_pre", "checkpath -d -o web /run/web"), ""},
		{"another file in it", own + in("start_pre", "checkpath -f -o web /run/web/log"), ""},
		{"supervised", own + "supervisor=supervise-daemon\n" + in("start_pre", "checkpath -d -o web /run/web"), ""},
	})
}

func TestStopSchedules(t *testing.T) {
	holds(t, "GL6", []situation{
		{"TERM alone", declared + "retry=TERM/30", "GL603"},
		{"TERM twice", declared + "retry=SIGTERM/3/TERM/5", "GL603"},
		{"a number", declared + "retry=30", "GL603"},
		{"in a call", ssd("--stop --retry TERM/30 --pidfile $pidfile"), "GL603"},
		{"KILL at the end", declared + "retry=TERM/30/KILL/5", ""},
		{"KILL as the last word", declared + "retry=TERM/30/KILL", ""},
		{"KILL by number", declared + "retry=-15/30/-9/5", ""},
		{"for ever", declared + "retry=TERM/30/forever/TERM/30", ""},
		{"a default with KILL", declared + "retry=${web_timeout:-TERM/60/KILL/5}", ""},
		{"what is not known", declared + "retry=${web_timeout}", ""},
		{"seconds that are not known", declared + "retry=TERM/${web_timeout}/KILL/5", ""},
		{"a gap", declared + "retry='TERM/30 KILL/5'", "GL614"},
		{"no seconds", declared + "retry=TERM", "GL614"},
		{"in small letters", declared + "retry=term/30/kill/5", "GL614"},
		{"seconds first", declared + "retry=30/KILL/5", "GL614"},
		{"the next option", ssd("--stop --retry --pidfile $pidfile"), "GL614"},
		{"at a stop of its own", declared + "retry=30\n" + in("stop", ":"), ""},
	})
}

func TestWhatAServiceDeclares(t *testing.T) {
	holds(t, "GL6", []situation{
		{"nothing that stops it", in("start", "start-stop-daemon --start --exec /usr/bin/web"), "GL615"},
		{"a stop", in("start", "start-stop-daemon --start --exec /usr/bin/web") + "\n" + in("stop", "start-stop-daemon --stop --exec /usr/bin/web"), ""},
		{"a pidfile", "pidfile=/run/web.pid\n" + in("start", "start-stop-daemon --start --exec /usr/bin/web -p $pidfile"), ""},
		{"a pidfile of conf.d", in("start", "start-stop-daemon --start --exec /usr/bin/web -p $pidfile"), ""},
		{"a process name", "procname=web\n" + in("start", "start-stop-daemon --start --exec /usr/bin/web"), ""},
		{"something that runs once", in("start", "sysctl -p"), ""},
		{"a command without a function", "extra_commands='save lode'\ndescription_save=x\n" + in("save", ":") + "\n" + in("load", ":"), "GL612"},
		{"a command without a description", "extra_stopped_commands=save\n" + in("save", ":"), "GL611"},
		{"a command of a sourced file", ". /etc/web/functions\nextra_commands=save", ""},
		{"a command by eval", "extra_commands=save\neval 'save() { :; }'", ""},
		{"commands that are not known", "extra_commands=\"$(x)\"", ""},
	})
}

// FuzzStartStopDaemon: whatever options there are, reading them does not fail.
func FuzzStartStopDaemon(f *testing.F) {
	for _, seed := range []string{"--stop", "-Kp", "--pidfile=", "-", "--", "-x", "--st", "--retry //", "--retry /", "-1", "--retry 9/", "'' -p ''", "$x --$x -b$x", "\"$pidfile$pidfile$retry$retry$extra_commands$extra_commands\"", "--name \"\" --exec ''"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, args string) {
		src := "#!/sbin/openrc-run\npidfile=" + args + "\nretry=" + args + "\nextra_commands=" + args + "\nstart() {\nstart-stop-daemon " + args + "\ncheckpath " + args + "\npkill " + args + "\nps " + args + "\n}\n"
		for _, found := range lint.New(world()).Lint("/etc/init.d/web", []byte(src)) {
			if found.ID == "GL001" && strings.Contains(found.Message, "parser failed") {
				t.Fatal(found.Message)
			}
		}
	})
}
