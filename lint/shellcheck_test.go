package lint_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guestrc/guestrc/lint"
	"github.com/guestrc/guestrc/tests/need"
)

// TestShellcheckFindsTheSame holds what shellcheck and we both know against each
// other: on each line both find something, or neither.
func TestShellcheckFindsTheSame(t *testing.T) {
	need.Programs(t, "shellcheck")
	cases := []struct{ line, ours, theirs string }{
		{`[[ "$1" = b ]]`, "GL401", "3010"},
		{`[ "$1" == b ]`, "GL402", "3014"},
		{`[ "$1" = b ]`, "", ""},
		{`source /x`, "GL403", "3046"},
		{`. /x`, "", ""},
		{`echo -e x`, "GL404", "3037"},
		{`echo "$RANDOM"`, "GL405", "3028"},
		{`echo "$UID"`, "GL405", "3028"},
		{`let x=1`, "GL406", "3042 3039"},
		{`declare x`, "GL406", "3044"},
		{`typeset x`, "GL406", "3044"},
		{`pushd /run`, "GL406", "3044"},
		{`shopt -s nullglob`, "GL406", "3044"},
		{`read -p x y`, "GL406", "3045"},
		{`read -r y`, "", ""},
		{`type -P web`, "GL406", "3045"},
		{`printf -v x y`, "GL406", "3045 3050"},
		{`trap 'x' ERR`, "GL406", "3047"},
		{`trap 'x' EXIT`, "", ""},
		{`set -o pipefail`, "GL406", "3040"},
		{`echo {a,b} {1..3}`, "GL407", "3009"},
		{`echo "{a,b}" '{1..3}'`, "", ""},
		{`x=$'a\tb'`, "GL408", "3003"},
		{`x=${1//a/b}`, "GL003", "3060"},
		{`x=${1:0:2}`, "GL003", "3057"},
		{`x=${!1}`, "GL003", "3053"},
		{`x=${1%%a*}`, "", ""},
		{`web &> /dev/null`, "GL003", "3020"},
		{`web > /dev/null 2>&1`, "", ""},
		{`cat <<< x`, "GL003", "3011"},
		{`cat <(web)`, "GL003", "3001"},
		{`x=(1 2)`, "GL003", "3030"},
		{`x+=y`, "GL003", "3024"},
		{`((x++))`, "GL003", "3006 3018"},
		{`rm -rf "$web_dir"/*`, "GL411", "2115"},
		{`rm -rf "${web_dir:?}"/*`, "", ""},
		{`rm -rf "/run/$web_dir"`, "", ""},
		{`[ -n $web_port ]`, "GL412", "2070"},
		{`[ -n "$web_port" ]`, "", ""},
		{`local y=$(web); [ $? = 0 ]`, "GL507", "2155"},
	}
	dir := t.TempDir()
	args := []string{"-s", "sh", "-f", "json", "-i", theirs(cases)}
	for i, c := range cases {
		name := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(name, []byte("#!/sbin/openrc-run\nstart() {\n"+c.line+"\n}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "shellcheck", args...).Output() // its status is 1 if it finds something
	var comments []struct {
		File string
		Line int
		Code int
	}
	if jsonErr := json.Unmarshal(out, &comments); jsonErr != nil {
		t.Fatal(err, jsonErr)
	}
	said := map[string][]string{}
	for _, c := range comments {
		if c.Line == 3 {
			said[c.File] = append(said[c.File], fmt.Sprint(c.Code))
		}
	}
	for i, c := range cases {
		name := filepath.Join(dir, fmt.Sprint(i))
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range lint.New(world()).Lint("/etc/init.d/web", src) {
			if f.Pos.Line == 3 && (strings.HasPrefix(f.ID, "GL4") || f.ID == "GL003" || f.ID == "GL507") {
				got = append(got, f.ID)
			}
		}
		if !slices.Equal(slices.Compact(got), strings.Fields(c.ours)) {
			t.Errorf("%s: we find %q, not %q", c.line, got, c.ours)
		}
		for _, code := range said[name] {
			if !slices.Contains(strings.Fields(c.theirs), code) {
				t.Errorf("%s: shellcheck finds SC%s, too", c.line, code)
			}
		}
		if len(said[name]) == 0 && c.theirs != "" {
			t.Errorf("%s: shellcheck finds nothing, not SC%s", c.line, c.theirs)
		}
	}
}

// theirs are all codes that count.
func theirs(cases []struct{ line, ours, theirs string }) string {
	var all []string
	for _, c := range cases {
		all = append(all, strings.Fields(c.theirs)...)
	}
	slices.Sort(all)
	return "SC" + strings.Join(slices.Compact(all), ",SC")
}
