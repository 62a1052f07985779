package bootfile

import (
	"path/filepath"
	"strings"
)

// NameVersion is the version in the name of a kernel or initrd, links resolved:
// "6.1.0-18-amd64" of vmlinuz-6.1.0-18-amd64, initrd.img-6.1.0-18-amd64 and
// 6.1.0-18-amd64/linux (kernel-install(8)). It is empty for names such as
// vmlinuz-lts, and where a link leads nowhere it is that of the link's own name.
func NameVersion(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return nameVersion(path)
}

func nameVersion(path string) string {
	base := filepath.Base(path)
	switch base {
	case "linux", "initrd", "vmlinuz", "initramfs", "initrd.img": // the last three: lib/modules/VERSION/vmlinuz
		return certain(filepath.Base(filepath.Dir(path)))
	}
	base = withoutEndings(base)
	for n := range len(base) - 1 {
		if base[n] == '-' && isVersion(base[n+1:]) {
			return base[n+1:]
		}
	}
	return ""
}

// withoutEndings takes off what says how a file is packed, signed, or that it was
// kept of an earlier version.
func withoutEndings(name string) string {
	for {
		before := name
		for _, ending := range []string{".img", ".gz", ".xz", ".zst", ".lz4", ".lzma", ".bz2", ".cpio", ".efi", ".signed", ".old", ".bak", "-fallback", "kdump"} {
			name = strings.TrimSuffix(name, ending)
		}
		if name == before {
			return name
		}
	}
}
