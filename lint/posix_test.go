package lint_test

import "testing"

func TestBashisms(t *testing.T) {
	holds(t, "GL4", []situation{
		{"[[", in("start", `[[ $a = b ]]`), "GL401"},
		{"[[ in bash's tree", in("start", `[[ $a =~ (x|y) ]] && [[ -n $b ]]`), "GL401 GL401"},
		{"==", in("start", `[ "$a" == b ]`), "GL402"},
		{"== as a word", in("start", `[ -n "==" ]; echo ==`), ""},
		{"source", in("start", "source /x"), "GL403"},
		{"a function of that name", "source() { :; }\n" + in("start", "source /x"), ""},
		{"echo -e", in("start", `echo -en "a\tb"`), "GL404"},
		{"echo -n", in("start", "echo -n a"), ""},
		{"echo of an -e", in("start", `echo "$a" -e; echo -enable`), ""},
		{"RANDOM", in("start", "echo $RANDOM"), "GL405"},
		{"UID of one's own", "UID_MIN=3\nUID=7\n" + in("start", "echo $UID"), ""},
		{"with a default", in("start", "echo ${UID:-0}"), ""},
		{"let", in("start", "let x=1+1"), "GL406"},
		{"declare", in("start", "declare x"), "GL406"},
		{"local -a", in("start", "local -a x"), "GL406"},
		{"local", in("start", "local x y=1"), ""},
		{"read -p", in("start", "read -p Really x"), "GL406"},
		{"read -rs", in("start", "read -rs x"), "GL406"},
		{"read -r", in("start", "read -r x"), ""},
		{"type -P", in("start", "type -P web"), "GL406"},
		{"command -v", in("start", "command -v web; type web"), ""},
		{"trap ERR", in("start", "trap 'x' ERR"), "GL406"},
		{"trap EXIT", in("start", "trap ERR EXIT"), ""},
		{"pipefail", in("start", "set -eo pipefail"), "GL406"},
		{"set", in("start", "set -e -- a"), ""},
		{"printf -v", in("start", "printf -v x %s y"), "GL406"},
		{"braces", in("start", "mkdir /run/{a,b}"), "GL407"},
		{"a sequence", in("start", "for x in 1; do echo {1..9}; done"), "GL407"},
		{"around a variable", in("start", `rm /run/{$a,b}`), "GL407"},
		{"braces in quotes", in("start", `awk '{print $1,$2}' "{a,b}" \{a,b\}`), ""},
		{"find's", in("start", "find /run -exec stat {} +"), ""},
		{"braces in an assignment", "command_args={a,b}", ""},
		{"$''", in("start", `IFS=$'\n'`), "GL408"},
		{"a dollar in quotes", in("start", `grep 'x$' "$" y$`), ""},
	})
}

func TestSyntaxOfOtherShells(t *testing.T) {
	holds(t, "GL003", []situation{
		{"each of several", in("start", "a=${x//a/b}\nb=${x:0:2}\nc=(1 2)\ncat <<< x"), "GL003 GL003 GL003 GL003"},
		{"once a line", in("start", "a=${x//a/b}${x:0:2}"), "GL003"},
		{"+=", in("start", "x+=y"), "GL003"},
		{"an element", in("start", "x[0]=y"), "GL003"},
		{"((…))", in("start", "((x++))"), "GL003"},
		{"&>", in("start", "x &> /dev/null"), "GL003"},
		{">& FILE", in("start", "x >& /dev/null"), "GL003"},
		{"function", "function f {\n:\n}", "GL003"},

		{">&2", in("start", "x >&2; x >&- 2>&1; x >&$fd"), ""},
		{"a subshell in one", in("start", "( (x; y); z ); ( (x) )"), ""},
		{"arithmetic", in("start", "x=$((x + 1)); : $((x += 2))"), ""},
		{"expansions that POSIX has", in("start", "x=${y%%.*}${y##*/}${y:-z}${#y}${y:+a}"), ""},
		{"words like assignments", in("start", "env x+=y a[0]=b; echo x+=y"), ""},
	})
}

func TestRemovals(t *testing.T) {
	holds(t, "GL41", []situation{
		{"all below", in("stop", `rm -rf "$web_dir"/*`), "GL411"},
		{"in quotes", in("stop", `rm -fr "${web_dir}/"`), "GL411"},
		{"a directory of the root", in("stop", `rm -r $web_dir/tmp`), "GL411"},
		{"the root and a name", in("stop", `rm -rf "/$web_dir"`), "GL411"},

		{"deep enough", in("stop", `rm -rf "$web_dir"/cache/*`), ""},
		{"a name of nothing", in("stop", `rm -rf "$web_dir/cache"`), ""},
		{"asked for", in("stop", `[ -n "$web_dir" ] && rm -rf "$web_dir"/*`), ""},
		{"asked by -d", in("stop", "[ -d \"$web_dir\" ] || return 0\nrm -rf \"$web_dir\"/*"), ""},
		{"with a default", in("stop", `rm -rf "${web_dir:-/run/web}"/*`), ""},
		{":?", in("stop", `rm -rf "${web_dir:?}"/*`), ""},
		{"set", "web_dir=/run/web\n" + in("stop", `rm -rf "$web_dir"/*`), ""},
		{"a default before", ": ${web_dir:=/run/web}\n" + in("stop", `rm -rf "$web_dir"/*`), ""},
		{"of a loop", in("stop", `for d in /a /b; do rm -rf "$d"/*; done`), ""},
		{"one file", in("stop", `rm -f "$web_dir"/*`), ""},
		{"the service's name", in("stop", `rm -rf /run/$RC_SVCNAME/* "/$RC_SVCNAME"`), ""},
		{"an argument", in("clean", `rm -rf "$1"/*`), ""},

		{"cd, rm", in("stop", "cd \"$web_dir\"\nrm -f *"), "GL414"},
		{"cd, something, rm", in("stop", "cd /run/web; ls; rm -rf cache"), "GL414"},
		{"cd or else", in("stop", "cd /run/web || return 1\nrm -f *"), ""},
		{"cd and rm", in("stop", "cd /run/web && rm -f *"), ""},
		{"a whole path", in("stop", "cd /run/web\nrm -f /run/x \"$y\""), ""},
		{"to the root", in("stop", "cd /\nrm -f x"), ""},
	})
}

func TestQuotesInTests(t *testing.T) {
	holds(t, "GL41", []situation{
		{"-n", in("start", `[ -n $web_port ]`), "GL412"},
		{"-n of a command", in("start", `[ -n $(pidof web) ]`), "GL412"},
		{"test -n", in("start", `test -n ${web_port} && x`), "GL412"},
		{"=", in("start", `[ $web_mode = fast ]`), "GL413"},
		{"on the right", in("start", `[ fast != ${web_mode} ]`), "GL413"},
		{"numbers", in("start", `[ $web_level -gt 3 ]`), "GL413"},
		{"of a command", in("start", `[ $(head -n1 /run/x) = y ]`), "GL413"},
		{"never set", in("start", `[ $RC_GOINGDOWN = YES ]`), "GL413"},

		{"in quotes", in("start", `[ -n "$web_port" ] && [ "$web_mode" = fast ]`), ""},
		{"-z, which is right by luck", in("start", `[ -z $web_port ]`), ""},
		{"a letter before", in("start", `[ x$web_mode = xfast ]`), ""},
		{"a default", in("start", `[ ${web_mode:-slow} = fast ]`), ""},
		{"set", "web_mode=slow\n" + in("start", `[ $web_mode = fast ]`), ""},
		{"set here", in("start", "rc=$?\n[ $rc -eq 0 ]"), ""},
		{"of the shell", in("start", `[ $? -eq 0 ]; [ $# -gt 1 ]; [ $$ = 1 ]`), ""},
		{"an argument", in("f", `[ $1 = x ]`), ""},
		{"OpenRC's", in("start", `[ $RC_CMD = restart ]; [ $RC_SVCNAME = web ]; [ $RC_UNAME = Linux ]`), ""},
		{"asked before", in("start", "[ -z \"$web_mode\" ] && return\n[ $web_mode = fast ]"), ""},
		{"a count", in("start", `[ $(ls /run | wc -l) -gt 0 ]; [ $(id -u) = 0 ]; [ $(grep -c x /y) -eq 1 ]`), ""},
		{"read", in("start", "read web_mode < /run/x\n[ $web_mode = fast ]"), ""},
		{"in case", in("start", "case $web_mode in fast) x ;; esac"), ""},
		{"a length", in("start", `[ ${#web_mode} -gt 3 ]`), ""},
	})
}
