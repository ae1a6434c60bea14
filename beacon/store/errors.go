package store

import (
	"errors"
	"fmt"

	"github.com/cresset/cresset/beacon/store/kv"
)

// ErrNotFound says that there is no such record.
var ErrNotFound = kv.ErrNotFound

// ErrReadOnly says that a store that was opened for reading was to be changed.
var ErrReadOnly = errors.New("store is open for reading only")

// DamagedError says that a record is there and is not what was written, or that a part of it is missing.
type DamagedError struct {
	Record string // which one, in words
	Err    error
}

func (e *DamagedError) Error() string { return fmt.Sprintf("%s is damaged: %v", e.Record, e.Err) }

// Unwrap gives the cause. It is never ErrNotFound: a part that is missing is damage to the whole.
func (e *DamagedError) Unwrap() error { return e.Err }

// LockedError says that another process has the directory.
type LockedError struct {
	Dir     string
	PID     int    // 0 if the lock does not tell
	Program string // its executable, "" if the lock does not tell
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("data directory %s is in use by another process", e.Dir)
	}
	return fmt.Sprintf("data directory %s is in use by process %d (%s)", e.Dir, e.PID, e.Program)
}

// VersionError says that a directory was written under a schema that this program cannot use.
type VersionError struct{ Have, Want uint64 }

func (e *VersionError) Error() string {
	if e.Have > e.Want {
		return fmt.Sprintf("data directory has schema version %d, this program knows up to %d: use a newer program", e.Have, e.Want)
	}
	return fmt.Sprintf("data directory has schema version %d, reading needs %d: open it once for writing", e.Have, e.Want)
}

// NetworkError says that a directory belongs to another network.
type NetworkError struct{ What, Have, Want string }

func (e *NetworkError) Error() string {
	return fmt.Sprintf("data directory belongs to another network: its %s is %s, the configured one is %s", e.What, e.Have, e.Want)
}
