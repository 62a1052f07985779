package lint_test

import "testing"

const starts = "start-stop-daemon --start --pidfile /run/web.pid --exec /usr/bin/web"

func TestSleep(t *testing.T) {
	holds(t, "GL501", []situation{
		{"after a start", in("start", starts+"\neend $?\nsleep 1"), "GL501"},
		{"after a kill", in("stop", "kill $pid\nsleep 2\nrm -f /run/x"), "GL501"},
		{"after one in the background", in("start", "web &\nsleep 1"), "GL501"},
		{"in stop_post", in("stop_post", "sleep 1"), "GL501"},
		{"between stop and start", in("again", "stop\nsleep 3\nstart"), "GL501"},

		{"in a loop that looks", in("stop", "kill $pid\nwhile [ -e /run/x ]; do sleep 1; done"), ""},
		{"in a counted loop", in("start", starts+"\nfor i in 1 2 3; do [ -e /run/x ] && break\nsleep 1; done"), ""},
		{"in the background", in("start", starts+"\n(sleep 5; chmod g+w /run/x) &"), ""},
		{"for a device", in("start", "modprobe web\nsleep 1\n"+starts), ""},
		{"a function of that name", in("sleep", ":") + "\n" + in("start", starts+"\nsleep 1"), ""},
	})
}

func TestLinesAreEnded(t *testing.T) {
	holds(t, "GL50", []situation{
		{"never", in("start", "ebegin x\ncmd"), "GL502"},
		{"in one branch of none", in("start", "ebegin x\nif a; then b; else c; fi"), "GL502"},
		{"the last of two", in("start", "ebegin x\neend $?\nebegin y\ncmd"), "GL502"},
		{"a return before it", in("start", "ebegin x\na || return 1\neend $?"), "GL503"},
		{"two of them", in("start", "ebegin x\nif a; then return 1; fi\ncase b in c) return 2 ;; esac\neend $?"), "GL503 GL503"},

		{"ended", in("start", "ebegin x\ncmd\neend $?"), ""},
		{"on both ways", in("start", "ebegin x\nif a; then\neend 0\nelse\neend 1\nfi"), ""},
		{"by && and ||", in("start", "ebegin x\na && eend 0 || eend 1"), ""},
		{"in one branch", in("start", "ebegin x\nif a; then eend 0; fi"), ""},
		{"before each return", in("start", "ebegin x\na || { eend 1 no; return 1; }\neend 0"), ""},
		{"in a loop", in("start", "for i in a b; do\nebegin $i\ncmd\neend $?\ndone"), ""},
		{"after break", in("start", "ebegin x\nwhile :; do\nif a; then eend 0; break; fi\ndone"), ""},
		{"by a helper", in("finish", "eend $?") + "\n" + in("start", "ebegin x\ncmd\nfinish"), ""},
		{"as an argument", in("start", "ebegin x\ncmd \\\neend $?"), "GL502"},
		{"by what is read from elsewhere", ". /lib/web\n" + in("start", "ebegin x\nweb_start"), ""},
		{"by another function", in("start_pre", "ebegin x\ncmd") + "\n" + in("start_post", "eend 0"), ""},
		{"by default_start", in("start", "ebegin x\ndefault_start"), ""},
		{"by ewend", in("start", "ebegin x\ncmd\newend $?"), ""},
		{"in case", in("start", "ebegin x\ncase a in b) eend 0 ;; *) eend 1 ;; esac"), ""},
		{"a return in a subshell", in("start", "ebegin x\n( a || return 1 )\neend $?"), ""},
		{"exit", in("start", "ebegin x\nexit 1"), ""},
		{"a return before it all", in("start", "a || return 1\nebegin x\ncmd\neend $?"), ""},
	})
}

func TestStatusesAreKept(t *testing.T) {
	holds(t, "GL50", []situation{
		{"rm between", in("stop", "ebegin x\n"+starts+"\nrm -f /run/x\neend $?"), "GL504"},
		{"a test and rm between", in("stop", "ebegin x\n"+starts+"\n[ -e /x ] && rm /x\neend $?"), "GL504"},
		{"two daemons", in("start", "ebegin x\n"+starts+"\n"+starts+"2\neend $?"), "GL504"},
		{"an assignment between", in("start", "ebegin x\n"+starts+"\nx=1\neend $?"), "GL504"},
		{"echo in the end", in("start", starts+"\neinfo started"), "GL504"},
		{"no status", in("reload", "ebegin x\nweb --reload\neend"), "GL505"},
		{"a message alone", in("reload", "ebegin x\nweb --reload\neend failed"), "GL505"},
		{"of local", in("reload", "local x=$(web --check)\n[ $? -eq 0 ] || return 1"), "GL507"},
		{"of export", in("reload", "export x=$(web --check)\nif [ $? -ne 0 ]; then return 1; fi"), "GL507"},
		{"of a pipeline", in("reload", "web --check | tee /run/x\nif [ $? -ne 0 ]; then return 1; fi"), "GL508"},

		{"at once", in("start", "ebegin x\n"+starts+"\neend $?"), ""},
		{"kept", in("stop", "ebegin x\n"+starts+"\nrc=$?\nrm -f /run/x\neend $rc"), ""},
		{"kept by local", in("stop", "ebegin x\n"+starts+"\nlocal rc=$?\nrm -f /run/x\neend $rc"), ""},
		{"asked", in("stop", "ebegin x\n"+starts+"\nif [ $? -eq 0 ]; then rm /x; fi\neend $?"), ""},
		{"by ||", in("start", "ebegin x\n"+starts+" || eend 1\necho x\neend $?"), ""},
		{"waited for", in("start", "ebegin x\n"+starts+"\newaitfile 5 /run/x\neend $?"), ""},
		{"looked at in another way", in("start", "ebegin x\n"+starts+"\nweb_is_there\neend $?"), ""},
		{"said to be well", in("stop", "ebegin x\n"+starts+"\neend 0"), ""},
		{"a signal", in("reload", "ebegin x\nstart-stop-daemon --signal HUP --pidfile /x\nrm -f /x\neend $?"), ""},
		{"nothing before", in("reload", "ebegin x\neend"), ""},
		{"a status by a variable", in("reload", "ebegin x\na\neend \"$?\" failed\neend ${rc}"), ""},
		{"assigned by itself", in("reload", "local x\nx=$(web --check)\n[ $? -eq 0 ] || return 1"), ""},
		{"of local, not asked", in("reload", "local x=$(web --check)\nweb $x\neend $?"), ""},
		{"grep's status is meant", in("reload", "web --list | grep -q x\n[ $? -eq 0 ] || return 1"), ""},
	})
}

func TestFunctionsThatFailByChance(t *testing.T) {
	holds(t, "GL506", []situation{
		{"a test and rm", in("stop_post", "[ -e /run/x ] && rm /run/x"), "GL506"},
		{"in the end of start", in("start", "a\nyesno $web_log && einfo started"), "GL506"},
		{"in a branch", in("start_pre", "if a; then\n[ -d /x ] && rm -r /x\nfi"), "GL506"},
		{"in a loop", in("start_pre", "for d in /a /b; do\n[ -d $d ] && chmod 700 $d\ndone"), "GL506"},
		{"two tests", in("stop_post", "[ -e /a ] && [ -e /b ] && rm /a /b"), "GL506"},

		{"or", in("start_pre", "[ -e /x ] || mkdir /x"), ""},
		{"and, or", in("start_pre", "[ -e /x ] && rm /x || true"), ""},
		{"if", in("stop_post", "if [ -e /x ]; then rm /x; fi"), ""},
		{"return", in("stop_post", "[ -e /x ] && rm /x\nreturn 0"), ""},
		{"a condition to hold", in("start_pre", "[ -e /a ] && [ -e /b ]"), ""},
		{"a return", in("start_pre", "[ -e /x ] && return 0"), ""},
		{"all that start does", in("start", "[ -x /x ] && /x"), ""},
		{"a check", in("check", "web --check") + "\n" + in("start_pre", "yesno $web_check && check"), ""},
		{"another function", in("f", "[ -e /x ] && rm /x"), ""},
	})
}

func TestStatusAndRestart(t *testing.T) {
	holds(t, "GL5", []situation{
		{"always 0", in("status", "einfo running\nreturn 0"), "GL509"},
		{"in both branches", in("status", "if a; then einfo on; else echo off; fi"), "GL509"},
		{"3", in("status", "if a; then einfo on; else echo off; return 3; fi"), ""},
		{"a command's", in("status", "web --ping"), ""},
		{"an error", in("status", "if a; then einfo on; else eerror off; fi"), ""},
		{"OpenRC's first", in("status", "default_status || return\neinfo more"), ""},

		{"restart", in("restart", "stop\nstart"), "GL510"},
		{"called", in("restart", "stop\nstart") + "\n" + in("upgrade", "restart"), ""},
		{"another name", in("web_restart", "stop"), ""},
	})
}
