package lint

// What names stand for. Only what is here counts as known.

// builtin tells whether every POSIX shell has the command itself: it costs no
// process. printf, kill and test are not by POSIX, but in dash, busybox and bash.
func builtin(name string) bool {
	switch name {
	case ".", ":", "[", "[[", "alias", "bg", "break", "cd", "command", "continue", "echo", "eval", "exec", "exit",
		"export", "false", "fg", "getopts", "hash", "jobs", "kill", "let", "local", "printf", "pwd", "read", "readonly",
		"return", "set", "shift", "source", "test", "times", "trap", "true", "type", "typeset", "declare", "ulimit",
		"umask", "unalias", "unset", "wait":
		return true
	}
	return false
}

// external tells whether a command is surely a program: one of those that POSIX,
// util-linux, procps and their like have, and that no shell has itself.
func external(name string) bool {
	switch name {
	case "awk", "gawk", "mawk", "basename", "blkid", "cat", "cut", "date", "dd", "df", "diff", "dirname", "dmesg", "du",
		"env", "expr", "find", "fgrep", "egrep", "grep", "getconf", "getent", "groups", "head", "hostname", "id",
		"ifconfig", "ip", "ipcs", "jq", "less", "ls", "lsmod", "lsof", "lspci", "md5sum", "mktemp", "mount", "mountpoint",
		"nproc", "od", "openssl", "perl", "pgrep", "pidof", "ps", "python", "python2", "python3", "readlink", "realpath",
		"rev", "ruby", "runuser", "sed", "seq", "sha256sum", "sleep", "sort", "stat", "su", "sudo", "sync", "sysctl",
		"tail", "tr", "tty", "uname", "uniq", "uptime", "wc", "which", "who", "whoami", "xargs", "curl", "wget", "netstat",
		"rc-service", "rc-status", "rc-update", "rc-config", "java-config", "lsb_release", "dpkg", "rpm", "equery", "eselect":
		return true
	}
	return effect(name)
}

// effect tells whether a program is there to change something.
func effect(name string) bool {
	switch name {
	case "chgrp", "chmod", "chown", "checkpath", "cp", "install", "ionice", "killall", "ln", "logger", "mkdir", "mkfifo",
		"mknod", "modprobe", "insmod", "rmmod", "mv", "pkill", "renice", "rm", "rmdir", "rsync", "start-stop-daemon",
		"supervise-daemon", "tar", "tee", "touch", "truncate", "umount", "unlink", "useradd", "groupadd", "iptables",
		"chattr", "setfacl", "swapon", "swapoff", "losetup":
		return true
	}
	return marks(name)
}

// marks are OpenRC's own programs that change a service's state.
func marks(name string) bool {
	switch name {
	case "mark_service_starting", "mark_service_started", "mark_service_stopping", "mark_service_stopped",
		"mark_service_inactive", "mark_service_wasinactive", "mark_service_hotplugged", "mark_service_failed",
		"mark_service_crashed", "service_set_value", "service_export", "save_options":
		return true
	}
	return false
}

// asks are OpenRC's own programs that only tell: cheaper than most, but processes.
func asks(name string) bool {
	switch name {
	case "service_starting", "service_started", "service_stopping", "service_stopped", "service_inactive",
		"service_wasinactive", "service_hotplugged", "service_started_daemon", "service_crashed", "service_get_value",
		"get_options", "shell_var", "is_older_than", "is_newer_than", "on_ac_power", "fstabinfo", "mountinfo",
		"rc-depend", "kill_all", "ewaitfile", "rc-abort", "swclock", "seedrng":
		return true
	}
	return false
}

// tells are OpenRC's words to people, programs all of them; echo and printf
// besides.
func tells(name string) bool {
	switch name {
	case "ebegin", "eend", "ewend", "einfo", "einfon", "ewarn", "ewarnn", "eerror", "eerrorn", "echo", "printf",
		"vebegin", "veend", "veinfo", "vewarn", "vewend", "elog", "eqawarn":
		return true
	}
	return false
}

// shellFunction tells whether OpenRC's shell has a function of that name when a
// script is read, besides those that scripts are there to replace.
func shellFunction(name string) bool {
	switch name {
	case "yesno", "rc_runlevel", "is_net_fs", "is_union_fs", "get_bootparam", "get_bootparam_value", "need_if_exists",
		"default_start", "default_stop", "default_status", "default_reload", "ssd_start", "ssd_stop", "ssd_status",
		"supervise_start", "supervise_stop", "supervise_status", "s6_start", "s6_stop", "s6_status",
		"runit_start", "runit_stop", "runit_status", "sourcex", "verify_boot", "apply_ulimits",
		"cgroup_add_service", "cgroup_cleanup", "cgroup_set_limits", "cgroup_set_values", "cgroup_find_path",
		"cgroup_get_pids", "cgroup_running", "cgroup2_find_path", "cgroup2_remove", "cgroup2_set_limits",
		"cgroup2_kill_cgroup", "eindent", "eoutdent", "veindent", "veoutdent", "esyslog",
		"_depend", "_status", "_setup_cgroup", "_check_supervised", "_get_containers", "_get_containers_remove":
		return true
	}
	return dependWord(name)
}

// dependWord tells whether it says something in depend().
func dependWord(name string) bool {
	switch name {
	case "config", "need", "use", "want", "before", "after", "provide", "keyword":
		return true
	}
	return false
}
