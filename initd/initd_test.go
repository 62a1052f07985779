package initd

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// Every command that the script adds has a description and a function.
func TestCommandsAreDescribed(t *testing.T) {
	lists := regexp.MustCompile(`(?m)^extra_(?:started_|stopped_)?commands="([^"]*)"$`).FindAllStringSubmatch(Script, -1)
	if len(lists) == 0 {
		t.Fatal("the script adds no commands: this test looks for the wrong thing")
	}
	for _, list := range lists {
		for _, command := range strings.Fields(list[1]) {
			for what, line := range map[string]string{"description": `(?m)^description_` + command + `="[A-Z].+"$`, "function": `(?m)^` + command + `\(\) \{$`} {
				if !regexp.MustCompile(line).MatchString(Script) {
					t.Errorf("command %s has no %s", command, what)
				}
			}
		}
	}
}

// A dependency calculation sources the script for every guest; what it may run,
// depend_test.go counts.
func TestNothingIsRunAtTopLevel(t *testing.T) {
	for _, line := range strings.Split(Script, "\n") {
		if strings.HasPrefix(line, "\t") || strings.HasPrefix(line, "#") || strings.HasSuffix(line, "*)") {
			continue
		}
		if line == `[ -n "$RC_OPENRC_PID$RC_CMD" ] || return 0` {
			continue
		}
		if strings.ContainsAny(line, "`|;&") || strings.Contains(line, "$(") {
			t.Errorf("outside functions, the script runs something: %q", line)
		}
	}
}

func TestSyntax(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "sh", "-n")
	cmd.Stdin = strings.NewReader(Script)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
