package guest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/pidfile"
	"github.com/guestrc/guestrc/shutdown"
)

// The phases of a state record.
const (
	PhaseStarting = "starting" // a start began; a process may or may not exist
	PhaseRunning  = "running"  // Process was identified
	PhaseStopped  = "stopped"  // the last stop completed
)

// stateVersion grows when a reader of the old form would misunderstand.
const stateVersion = 1

// stateMax bounds what is read back, in bytes.
const stateMax = 1 << 20

// State is the record state.json. It is always replaced as a whole.
type State struct {
	Version   int               `json:"version"`
	Phase     string            `json:"phase"`
	BootID    string            `json:"boot_id"`
	Process   *pidfile.Identity `json:"process,omitempty"`
	Stopping  bool              `json:"stopping,omitempty"` // a stop began to ask the guest
	StartedAt time.Time         `json:"started_at,omitzero"`
	ReadyAt   time.Time         `json:"ready_at,omitzero"`
	Starter   *pidfile.Identity `json:"starter,omitempty"` // who made the process, and waits until it is ready
	Claim     Claim             `json:"claim,omitzero"`
	Memo      json.RawMessage   `json:"memo,omitempty"`
	LastStop  *StopRecord       `json:"last_stop,omitempty"`
	End       *EndRecord        `json:"end,omitempty"` // of the run on record, once it was noticed
}

// StopRecord is how the guest ended last.
type StopRecord struct {
	At    time.Time       `json:"at"`
	Text  string          `json:"text"` // "down in 12.3 s by acpi"
	Cause string          `json:"cause,omitempty"`
	Stop  shutdown.Record `json:"stop"`
	Own   bool            `json:"own,omitempty"`   // nobody had told it to: Stop has no rungs
	About bool            `json:"about,omitempty"` // At is when it was noticed
}

// EndRecord is an end that nobody of ours brought about.
type EndRecord struct {
	At      time.Time           `json:"at"`
	About   bool                `json:"about,omitempty"` // At is when it was noticed, not when it was
	Crashed bool                `json:"crashed,omitempty"`
	Cause   string              `json:"cause"`
	Text    string              `json:"text"`           // "its process died: killed by SIGSEGV"
	Left    string              `json:"left,omitempty"` // the first of what it left
	Exit    *pidfile.ExitStatus `json:"exit,omitempty"` // of its process, where somebody told
}

// over tells that nothing runs by this record, and that how it ended is on it.
func (s *State) over() bool { return s.Phase == PhaseStopped || s.Phase == "" || s.End != nil }

// errDamaged says that the record holds what save does not write.
var errDamaged = errors.New("it is damaged")

// RecordFile is the record's name in the run directory.
const RecordFile = "state.json"

// load reads the record in dir; a missing one is the zero State.
func load(dir *os.File) (State, error) {
	var s State
	fd, err := unix.Openat(int(dir.Fd()), RecordFile, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("cannot open %s/%s: %w", dir.Name(), RecordFile, err)
	}
	f := os.NewFile(uintptr(fd), RecordFile)
	defer f.Close()
	data := bytes.NewBuffer(make([]byte, 0, 8<<10))
	_, err = data.ReadFrom(io.LimitReader(f, stateMax))
	if err == nil {
		err = json.Unmarshal(data.Bytes(), &s)
	}
	if err == nil && s.Version != stateVersion {
		err = fmt.Errorf("version %d, this program knows %d", s.Version, stateVersion)
	}
	if err != nil {
		return State{}, fmt.Errorf("cannot read %s/%s: %w: %w", dir.Name(), RecordFile, errDamaged, err)
	}
	return s, nil
}

func save(dir *os.File, s State) error {
	s.Version = stateVersion
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("cannot encode the state record: %w", err)
	}
	if len(data) >= stateMax {
		return fmt.Errorf("cannot keep a state record of %d bytes: %d are possible", len(data), stateMax-1)
	}
	return pidfile.WriteFile(dir, RecordFile, append(data, '\n'), 0o644)
}
