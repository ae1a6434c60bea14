package keystore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// LockSuffix is appended to the name of a file for that of its lock.
const LockSuffix = ".lock"

// ErrLocked is what errors.Is finds when somebody else has a file open.
var ErrLocked = errors.New("in use by another process")

// Lock keeps others from a file. It is a file of its own on which the kernel holds a lock for as long as this process lives: one that a
// dead process left behind locks nothing. Its content, the process id, is for people.
type Lock struct{ file *os.File }

// Acquire takes the lock of a file, at once or not at all; the file itself need not exist. Somebody else's is ErrLocked.
func Acquire(path string) (*Lock, error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // two names of one file share its lock
	}
	name := path + LockSuffix
	for {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			holder, _ := io.ReadAll(io.LimitReader(f, 20)) // nothing is said of a holder that has not written yet
			f.Close()
			if !errors.Is(err, unix.EWOULDBLOCK) {
				return nil, fmt.Errorf("lock %s: %w", path, err)
			}
			return nil, fmt.Errorf("%s is %w (%s)", path, ErrLocked, strings.TrimSpace("process "+string(holder)))
		}
		// Its last holder may have removed the file between our opening and locking it.
		ours, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if there, err := os.Stat(name); err != nil || !os.SameFile(ours, there) {
			f.Close()
			continue
		}
		if err := errors.Join(f.Truncate(0), writeAt(f, fmt.Sprintln(os.Getpid()))); err != nil {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		return &Lock{f}, nil
	}
}

func writeAt(f *os.File, text string) error {
	_, err := f.WriteAt([]byte(text), 0)
	return err
}

// Release gives the lock back and removes its file. A second call does nothing.
func (l *Lock) Release() error {
	if l.file == nil {
		return nil
	}
	f := l.file
	l.file = nil
	return errors.Join(os.Remove(f.Name()), f.Close()) // removed while it is still held
}
