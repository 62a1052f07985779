package confd

import "strings"

// reserved reports whether name must not be set: a shell that sources the
// file would read the rest of it differently, find other programs, or fail on
// a read-only variable (bash(1) "Shell Variables", dash(1), POSIX.1-2024 XCU
// 2.5.3, ld.so(8)); or OpenRC would lose track of the service (openrc-run(8)
// "ENVIRONMENT").
func reserved(name string) bool {
	switch name {
	case "_", "IFS", "PATH", "ENV", "PS1", "PS2", "PS3", "PS4", "PPID", "PWD", "OLDPWD", "CDPATH", "SHELL", "SHELLOPTS", "SHLVL",
		"OPTIND", "OPTARG", "OPTERR", "LINENO", "UID", "EUID", "GROUPS", "RANDOM", "SRANDOM", "SECONDS",
		"EPOCHSECONDS", "EPOCHREALTIME", "HOSTNAME", "HOSTTYPE", "MACHTYPE", "OSTYPE", "FUNCNAME", "FUNCNEST", "DIRSTACK",
		"PIPESTATUS", "POSIXLY_CORRECT", "TMOUT", "GLOBIGNORE", "EXECIGNORE", "FIGNORE", "IGNOREEOF", "CHILD_MAX",
		"PROMPT_COMMAND", "PROMPT_DIRTRIM", "TIMEFORMAT", "FCEDIT", "MAIL", "MAILCHECK", "MAILPATH", "COLUMNS", "LINES",
		"LANG", "LANGUAGE", "NLSPATH", "GLIBC_TUNABLES", "GCONV_PATH", "LOCPATH", "SVCNAME":
		return true
	}
	for _, prefix := range []string{"BASH", "LC_", "LD_", "HIST", "COMP_", "READLINE_", "RC_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// foreign reports whether what name holds comes from outside the files, and
// so differs between a boot, a login and a test.
func foreign(name string) bool {
	switch name {
	case "HOME", "USER", "LOGNAME", "TERM", "TERMINFO", "TZ", "TMPDIR", "EDITOR", "PAGER", "DISPLAY", "NOTIFY_SOCKET",
		"IN_BACKGROUND", "IN_HOTPLUG", "IN_DRYRUN":
		return true
	}
	return strings.HasPrefix(name, "EINFO_") || reserved(name)
}
