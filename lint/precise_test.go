package lint_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/guestrc/guestrc/finding"
	"github.com/guestrc/guestrc/lint"
)

// said are the findings of some rules, each with its severity.
func said(t *testing.T, src string, ids ...string) string {
	t.Helper()
	if !strings.HasPrefix(src, "#!") {
		src = "#!/sbin/openrc-run\ndescription=\"a web server\"\n" + src
	}
	var all []string
	for _, f := range lint.New(world()).Lint("/etc/init.d/web", []byte(src+"\n")) {
		if slices.Contains(ids, f.ID) {
			all = append(all, f.ID+" "+string(f.Severity))
		}
	}
	return strings.Join(all, ", ")
}

// TestWhatIsMissingHere: only a script that is installed is to be started with the
// services that are.
func TestWhatIsMissingHere(t *testing.T) {
	src := []byte("#!/sbin/openrc-run\ndescription=\"a web server\"\ncommand=/usr/bin/web\ndepend() {\n\tneed webdb\n}\n")
	for name, want := range map[string]finding.Severity{"/etc/init.d/web": finding.Warning, "/src/web/files/web.initd": finding.Info} {
		if found := lint.New(world()).Lint(name, src); len(found) != 1 || found[0].ID != "GL303" || found[0].Severity != want {
			t.Errorf("%s: found %v, want GL303 as %s", name, found, want)
		}
	}
}

// TestFalseAlarms has what was reported wrongly, or too loudly, of scripts that
// people use; beside each what is near to it and a fault.
func TestFalseAlarms(t *testing.T) {
	for name, c := range map[string]struct{ id, src, want string }{
		"killall with a path goes by the file":             {"GL101", "stop() {\n\tkillall -q /usr/sbin/web\n}", ""},
		"killall -0 with a path":                           {"GL102", "start_pre() {\n\tkillall -q -0 /usr/sbin/web && return 0\n}", ""},
		"killall with a name":                              {"GL101", "stop() {\n\tkillall -q web\n}", "GL101 warning"},
		"a column of ps, searched for a number":            {"GL104", "status() {\n\tps ax | awk '{ print $1 }' | grep -q \"^$pid$\"\n}", ""},
		"a pattern of awk searches":                        {"GL104", "status() {\n\tps ax | awk '/web/ { print $1 }'\n}", "GL104 warning"},
		"a reload of a started service by its number":      {"GL103", "reload() {\n\tkill -HUP $(cat /run/web.pid)\n}", "GL103 info"},
		"an end by a number from a file":                   {"GL103", "stop() {\n\tkill $(cat /run/web.pid)\n}", "GL103 warning"},
		"exit 0 in start_pre is written on purpose":        {"GL208", "start_pre() {\n\t[ -e /dev/web ] || exit 0\n}", "GL208 info"},
		"exit alone in start_pre":                          {"GL208", "start_pre() {\n\t[ -e /dev/web ] || exit\n}", "GL208 warning"},
		"conf.d sets UID and GID":                          {"GL405", "start_pre() {\n\tcheckpath -d -o \"$UID:$GID\" /run/web\n}", ""},
		"nobody but bash sets UID alone":                   {"GL405", "start_pre() {\n\t[ \"$UID\" = 0 ] || return 1\n}", "GL405 warning"},
		"a pipeline at global scope is one thing to mend":  {"GL201", "user=$(grep user /etc/web.conf | sed s/user// | cut -d= -f2)", "GL201 warning"},
		"a warning in depend() under a condition is meant": {"GL206", "depend() {\n\tif [ -n \"$addr\" ]; then\n\t\tewarn one\n\t\tewarn two\n\tfi\n}", "GL206 info"},
		"depend() that always prints":                      {"GL206", "depend() {\n\tewarn one\n\tewarn two\n}", "GL206 warning"},
		"need net where a condition asked for an address":  {"GL304", "command=/usr/sbin/sshd\ndepend() {\n\tif [ -n \"$addr\" ]; then\n\t\tneed net\n\tfi\n}", ""},
		"need net of a server on all addresses":            {"GL304", "command=/usr/bin/web\ncommand_args=\"--listen 0.0.0.0\"\ndepend() {\n\tneed net\n}", "GL304 info"},
		"what busybox has as well, dash alone fails at":    {"GL003", "start_pre() {\n\tweb -t &>/dev/null\n}", "GL003 warning"},
		"a file read by bash alone":                        {"GL003", "reload() {\n\tpid=$(</run/web.pid)\n}", "GL003 error"},
		"a file read by cat":                               {"GL003", "reload() {\n\tpid=$(cat </run/web.pid)\n}", ""},
		"bash's old arithmetic":                            {"GL003", "n=$[ $n + 1 ]", "GL003 error"},
		"a counter that dash cannot count":                 {"GL003", "n=$((i++))", "GL003 warning"},
		"a counter":                                        {"GL003", "n=$((i += 1))", ""},
		"braces in a loop":                                 {"GL407", "for d in {log,lib}; do :; done", "GL407 warning"},
		"an operator without blanks":                       {"GL415", "[ $web_mode=fast ] && command_args=-f", "GL415 error"},
		"no blank before the end":                          {"GL415", "[ -n \"$web_mode\"] && command_args=-f", "GL415 error"},
		"a word with = as an operand":                      {"GL415", "[ -n \"a=$web_mode\" ] && command_args=-f", ""},
		"a test of a word":                                 {"GL415", "[ \"$web_mode\" ] || [ ! $web_mode ] || test a = b", ""},
		"an end that is not known":                         {"GL415", "close=]\n[ -n \"$web_mode\" $close", ""},
		"a program that nobody knows":                      {"GL201", "pidfile=$(webconf -h base_dir)/web.pid", "GL201 warning"},
		"a function of what is sourced":                    {"GL201", ". /lib/web.sh\npidfile=$(webconf base_dir)/web.pid", ""},
		"a template's place":                               {"GL201", "pidfile=$(WEBCONF base_dir)/web.pid", ""},
		"what bash alone has":                              {"GL003", "args=(--listen 80)", "GL003 error"},
		"a sleep cannot always be helped":                  {"GL501", "stop_post() {\n\tsleep 1\n}", "GL501 info"},
		"nobody but bash sets EUID":                        {"GL405", "start_pre() {\n\t[ \"$EUID\" = 0 ] || return 1\n}", "GL405 warning"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := said(t, c.src, c.id); got != c.want {
				t.Errorf("found %q, want %q, in\n%s", got, c.want, c.src)
			}
		})
	}
}
