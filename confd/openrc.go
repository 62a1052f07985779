package confd

import "strings"

// openrcOwn reports whether OpenRC itself reads name from a conf.d file
// (openrc-run(8); start-stop-daemon(8) and supervise-daemon(8) for SSD_* and
// the respawn and healthcheck variables; rc.conf for rc_*). Such a line is
// not a mistake, even where it does nothing for a guest.
func openrcOwn(name string) bool {
	switch name {
	case "command", "command_args", "command_args_background", "command_args_foreground",
		"command_background", "command_progress", "command_user", "command_group",
		"start_stop_daemon_args", "supervise_daemon_args", "supervisor",
		"description", "name", "procname", "pidfile", "directory", "chroot", "umask",
		"input_file", "output_log", "error_log", "output_logger", "error_logger",
		"extra_commands", "extra_started_commands", "extra_stopped_commands",
		"required_dirs", "required_files", "start_inactive", "in_background_fake",
		"retry", "stopsig", "stopgroup", "notify", "capabilities", "secbits", "no_new_privs",
		"respawn_delay", "respawn_max", "respawn_period", "healthcheck_delay", "healthcheck_timer",
		"timeout_down", "timeout_kill", "timeout_ready", "runit_service", "ulimit", "unicode", "EERROR_QUIET":
		return true
	}
	for _, prefix := range []string{"rc_", "description_", "SSD_", "EINFO_", "s6_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
