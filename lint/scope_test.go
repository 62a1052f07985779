package lint_test

import "testing"

func TestGlobalScope(t *testing.T) {
	holds(t, "GL2", []situation{
		{"a process", "uname -r >/dev/null", "GL201"},
		{"in an assignment", `args="$(sed -n s/x//p /etc/web.conf)"`, "GL201"},
		{"in a default", `: ${user:=$(id -un)}`, "GL201"},
		{"in a condition", "if grep -q x /etc/web.conf; then args=x; fi", "GL201"},
		{"by a path", "v=$(/usr/bin/web --version)", "GL201"},
		{"through a function", "get() { awk '{print}' /etc/web.conf; }\nargs=$(get)", "GL201"},
		{"through two", "get() { awk '{print}' /etc/web.conf; }\nask() { get; }\nargs=$(ask)", "GL201"},
		{"OpenRC's own", `x=$(shell_var "$RC_SVCNAME")`, "GL201"},
		{"a function that calls itself", "f() { [ -n \"$1\" ] && f; }\nf", ""},
		{"builtins alone", "x=$(echo a; printf b)\n[ -n \"$x\" ] && y=1\ncase $x in a) z=1 ;; esac\nset -- a b\nunset x", ""},
		{"command -v", "command -v web >/dev/null && command=$(command -v web)", ""},
		{"yesno", "yesno \"$web_debug\" && command_args=-d", ""},
		{"a function of builtins", "get() { echo x; }\nargs=$(get)", ""},
		{"what is not known", "somelib_setup a b", ""},
		{"a placeholder", "@EXTRA@", ""},
		{"sourced", ". /etc/web/functions\nget_from_lib x", ""},
		{"only at a stop", "if [ \"$RC_CMD\" = stop ]; then x=$(cat /etc/web.conf); fi", ""},
		{"only at a stop, in short", "[ \"$RC_CMD\" = stop ] && x=$(cat /etc/web.conf)", ""},
		{"in a function", in("start_pre", "x=$(cat /etc/web.conf)"), ""},
		{"a word in quotes", "description='uses $(cat x)'", ""},
	})
}

func TestEffectsAtGlobalScope(t *testing.T) {
	holds(t, "GL2", []situation{
		{"a directory", "mkdir -p /run/web", "GL204"},
		{"under a condition", "[ -d /run/web ] || checkpath -d /run/web", "GL204"},
		{"a file", "echo x >/run/web.conf", "GL204"},
		{"a module", "modprobe tun", "GL204"},
		{"output", "einfo hello", "GL202"},
		{"output to stderr", "echo hello >&2", "GL202"},
		{"output of a condition", "[ -e /etc/web.conf ] || eerror 'no configuration'", "GL202"},
		{"output to nowhere", "echo x >/dev/null", ""},
		{"captured", "x=$(printf %s y)", ""},
		{"a here-document captured", "x=$(cat <<EOF\ny\nEOF\n)", "GL201"},
		{"piped", "echo x | while read -r y; do z=$y; done", ""},
		{"exit", "[ -e /etc/web.conf ] || exit 1", "GL207"},
		{"exit 0", "[ -e /etc/web.conf ] || exit 0", "GL207"},
		{"return 1", "[ -e /etc/web.conf ] || return 1", "GL207"},
		{"return 0", "[ -e /etc/web.conf ] || return 0", ""},
		{"exit of a subshell", "x=$(exit 1)", ""},
		{"exit in a function", in("checkconfig", "exit 1"), ""},
	})
}

func TestDependFunction(t *testing.T) {
	holds(t, "GL2", []situation{
		{"a process", in("depend", "use $(awk '{print $1}' /etc/web.conf)"), "GL203"},
		{"through a function", "get() { grep x /etc/web.conf; }\n" + in("depend", "[ \"$(get)\" = y ] && use logger"), "GL203"},
		{"an effect", in("depend", "mkdir -p /run/web\nuse logger"), "GL206"},
		{"output", in("depend", "use logger\newarn hello"), "GL206"},
		{"exit", in("depend", "[ -n \"$x\" ] || exit 0\nuse logger"), "GL206"},
		{"words alone", in("depend", "use logger\nafter firewall\nkeyword -lxc\nconfig /etc/web.conf"), ""},
		{"a condition", in("depend", "use logger\nyesno \"$x\" && need net\ncase $y in a) want dns ;; esac"), ""},
		{"OpenRC's questions", in("depend", "if service_started; then need $(service_get_value need); fi"), ""},
		{"if it exists", in("depend", "need_if_exists postgresql"), ""},
		{"sourced", in("depend", ". /etc/web.conf\nuse logger"), ""},
		{"echo that is read", in("depend", "local x=$(echo a)\nuse logger"), ""},
		{"return", in("depend", "[ -n \"$x\" ] || return 0\nuse logger"), ""},
	})
}

func TestOpenRCsNames(t *testing.T) {
	holds(t, "GL2", []situation{
		{"functions", "ewarn() { :; }\nyesno() { return 0; }", "GL205 GL205"},
		{"a word of depend()", "use() { :; }", "GL205"},
		{"default_start", in("default_start", ":"), "GL205"},
		{"RC_SVCNAME", "RC_SVCNAME=web", "GL205"},
		{"start, stop and what belongs to them", in("start", ":") + "\n" + in("stop", ":") + "\n" + in("status", ":") + "\n" + in("start_pre", ":") + "\n" + in("stop_post", ":"), ""},
		{"healthcheck", in("healthcheck", ":") + "\n" + in("unhealthy", ":"), ""},
		{"a stand-in", "if ! command -v yesno >/dev/null; then\nyesno() { return 0; }\nfi", ""},
		{"a default", ": ${RC_SVCNAME:=web}\nRC_SVCNAME=${RC_SVCNAME:-web}", ""},
		{"read alone", "name=$RC_SVCNAME", ""},
		{"for one command", in("start", "RC_CMD=x env"), ""},
	})
}

func TestEndsOfFunctions(t *testing.T) {
	holds(t, "GL2", []situation{
		{"start_pre", in("start_pre", "[ -e x ] || exit 0"), "GL208"},
		{"plain exit", in("stop_pre", "exit"), "GL208"},
		{"before start_post", in("start", "exit 0") + "\n" + in("start_post", ":"), "GL208"},
		{"a failure", in("start_pre", "exit 1"), ""},
		{"a subshell's", in("start_pre", "(exit 0)\nx=$(exit 0)\ntrue | { exit 0; }"), ""},
		{"nothing after", in("start", "exit 0"), ""},
		{"unnamed reload", in("reload", ":"), "GL209"},
		{"named reload", "extra_started_commands=reload\n" + in("reload", ":"), ""},
		{"named in the list's own words", "extra_commands=\"${extra_commands} reload\"\n" + in("reload", ":"), ""},
		{"called reload", in("reload", ":") + "\n" + in("start_post", "reload"), ""},
		{"trapped reload", in("reload", ":") + "\n" + in("start_post", "trap 'reload' HUP"), ""},
		{"a list that is not known", "extra_commands=\"$(x)\"\n" + in("reload", ":"), ""},
		{"pre_start", in("pre_start", ":"), "GL209"},
		{"depends", in("depends", ":"), "GL209"},
		{"a helper", in("helper", ":"), ""},
	})
}
