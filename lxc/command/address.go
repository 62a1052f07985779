package command

import (
	"fmt"
	"hash/fnv"
	"strings"
)

// sunPath is the size of sockaddr_un.sun_path (unix(7)).
const sunPath = 108

// address returns the name of the socket, without the NUL in front that makes
// it abstract. LXC keeps room for that NUL and one behind; what does not fit is
// replaced by the FNV-1a hash of LXCPATH/NAME (lxc_make_abstract_socket_name in
// src/lxc/commands_utils.c). Its tools take slashes off the end of -P.
func address(lxcpath, name string) string {
	container := strings.TrimRight(lxcpath, "/") + "/" + name
	if long := container + "/command"; len(long) < sunPath-2 {
		return long
	}
	h := fnv.New64a()
	h.Write([]byte(container))
	return fmt.Sprintf("lxc/%016x/command", h.Sum64())
}
