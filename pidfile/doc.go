// Package pidfile answers "which process is it": it claims a directory for one
// guest, identifies the process that runs there, signals that very process and
// waits for its end. It refuses whatever rests on a bare process number: a
// pidfile's content is a hint, never a proof, and in doubt nothing is signalled.
//
// # The rules
//
//   - A pidfd is opened first, the process is identified second and signalled
//     through that pidfd last. A number that was given to another process in
//     between cannot be hit.
//   - What names a process for good is the pidfs file handle (Linux 6.14), else
//     the pidfs inode (6.9), else the start time in clock ticks; each counts
//     only together with the boot id. Below Linux 5.3 there is no pidfd_open
//     and Capture returns ErrNoPidfd.
//   - For a process that locks its pidfile, as QEMU does, the kernel attests the
//     holder (fcntl F_GETLK). A process that holds only its lease is adopted
//     when it is the only one that looks as expected.
//   - Lock files are never unlinked, a held pidfile neither. Content appears
//     under its name complete or not at all.
//
// # One directory, one guest
//
// Below a directory that only root (or the caller) can write lie: "lock", taken
// for the length of one command; "lease", held by the guest's processes for
// life; "pid", written and locked by the guest's process itself where it can;
// and whatever else the caller writes with WriteFile.
//
// # What is not defended against
//
// Root, and a process that may write below the directory. A process that can
// neither be read in /proc nor reached by signals from here (another pid
// namespace) is reported as doubt, never as absence.
package pidfile

// Names inside a guest's directory.
const (
	PidFile   = "pid"   // decimal and a newline; locked by the process it names
	LeaseFile = "lease" // inherited by the guest's processes; empty
	LockFile  = "lock"  // serialises commands; empty
)
