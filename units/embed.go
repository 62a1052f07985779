package units

import (
	"embed"
	"io/fs"
	"path"
	"strings"

	"github.com/guestrc/guestrc/manifest"
)

//go:embed guestrc-*@.service
var templates embed.FS

// program is what the templates run where nothing else is said.
const program = "/usr/bin/guestrc"

// Installation is the files that guestrc needs under systemd: the templates,
// which run binary, and the generator, which is binary under another name. For
// a binary below /usr/local they go there, where systemd looks too
// (systemd.unit(5), systemd.generator(7)), and else to a package's place.
func Installation(binary string) ([]manifest.File, error) {
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
