package lint_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/guestrc/guestrc/finding"
	"github.com/guestrc/guestrc/lint"
)

func TestWhatAShellCanRead(t *testing.T) {
	for what, c := range map[string]struct {
		body, id, says string // id empty: nothing is to be said
	}{
		"a subshell may follow its negation at once":                          {body: "start_pre() {\n\tif !(echo x | grep -q y); then\n\t\treturn 1\n\tfi\n}"},
		"bash's words are told as such":                                       {"command_args=${x^^}", "GL003", "expansion operator"},
		"where no shell can read it, the reason is not what bash has besides": {"start() {\n\techo ${x^^}\n\tfi\n}", "GL002", "`fi`"},
	} {
		t.Run(what, func(t *testing.T) {
			found := lint.New(world()).Lint("/etc/init.d/web", []byte("#!/sbin/openrc-run\ndescription=\"a web server\"\ncommand=/usr/bin/web\n"+c.body+"\n"))
			found = slices.DeleteFunc(found, func(f finding.Finding) bool { return !strings.HasPrefix(f.ID, "GL00") })
			switch {
			case c.id == "" && len(found) == 0:
			case len(found) != 1 || found[0].ID != c.id || !strings.Contains(found[0].Message, c.says):
				t.Errorf("found %v, want %q with %q", found, c.id, c.says)
			}
		})
	}
}

// TestLatin1IsText: the shell does not mind, and many an author's name is written so.
func TestLatin1IsText(t *testing.T) {
	src := "#!/sbin/openrc-run\n# J\xe9r\xf4me\ndescription=\"caf\xe9\"\ncommand=/usr/bin/web\n"
	if found := lint.New(world()).Lint("/etc/init.d/web", []byte(src)); len(found) != 0 {
		t.Errorf("found %v", found)
	}
}
