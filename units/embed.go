package units

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/guestrc/guestrc/manifest"
)

//go:embed guestrc-*@.service guestrc.target
var templates embed.FS

// program is what the templates run where nothing else is said.
const program = "/usr/bin/guestrc"

// programPattern is what stands for itself in a unit file (systemd.syntax(7))
// and in the OpenRC script: no blank, specifier, quote, brace or tilde.
var programPattern = regexp.MustCompile(`^(/[A-Za-z0-9_.,=+@-]+)+$`)

// Installation is the files that guestrc needs under systemd: the templates,
// which run binary, their target, and the generator, which is binary under another name. For
// a binary below /usr/local they go there, where systemd looks too
// (systemd.unit(5), systemd.generator(7)), and else to a package's place.
func Installation(binary string) ([]manifest.File, error) {
	if !programPattern.MatchString(binary) {
		return nil, &manifest.Error{Msg: fmt.Sprintf("cannot install: services cannot run %q: only letters, digits and _ . , = + @ - may be in its path", binary),
			Hint: "put the program at /usr/bin/guestrc, and run that"}
	}
	dir := "/usr/lib/systemd"
	if strings.HasPrefix(binary, "/usr/local/") {
		dir = "/usr/local/lib/systemd"
	}
	names, err := fs.Glob(templates, "*")
	if err != nil {
		return nil, err
	}
	files := []manifest.File{{Path: dir + "/system-generators/guestrc-generator", Target: binary}}
	for _, name := range names {
		text, err := templates.ReadFile(name)
		if err != nil {
			return nil, err
		}
		files = append(files, manifest.File{Path: path.Join(dir, "system", name), Content: strings.ReplaceAll(string(text), program, binary), Mode: 0o644})
	}
	return files, nil
}
