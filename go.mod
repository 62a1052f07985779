module github.com/guestrc/guestrc

go 1.26.0

// linked into the binary
require (
	github.com/coreos/go-systemd/v22 v22.7.0 // sd_notify under systemd
	github.com/spf13/pflag v1.0.10 // GNU flags
	github.com/vishvananda/netlink v1.3.1 // bridges, and the host's end of a container's veth
	golang.org/x/sys v0.49.0 // pidfd, file handles, flock, tun ioctls
	golang.org/x/term v0.47.0 // is the output a terminal, and how wide
	mvdan.cc/sh/v3 v3.14.1 // conf.d: shell syntax and expansion, never execution
)

// tests only
require (
	github.com/google/go-cmp v0.7.0 // readable differences
	github.com/prometheus/client_golang v1.25.0 // promlint: the rules that promtool checks metrics by
	github.com/rogpeppe/go-internal v1.16.0 // testscript: command-line behaviour as scripts
)

require golang.org/x/tools v0.38.0 // indirect; txtar, for testscript

require github.com/vishvananda/netns v0.0.5 // indirect; part of netlink

// part of promlint
require (
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/prometheus/client_model v0.6.3 // indirect
	github.com/prometheus/common v0.72.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)
