package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// lock is the lock on a data directory: a file that is locked in the kernel, so that the end of the process frees it however it comes.
// The file holds the process that has it, for the message to whoever is refused.
type lock struct{ file *os.File }

const (
	lockName     = "lock"
	maxLockBytes = 4096
)

// lockDir takes the lock of a directory. It fails with a *LockedError if it is held.
func lockDir(dir string) (*lock, error) {
	file, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		refused := fmt.Errorf("lock data directory: %w", err)
		if errors.Is(err, unix.EWOULDBLOCK) {
			refused = holder(dir, file)
		}
		return nil, errors.Join(refused, file.Close())
	}
	l := &lock{file}
	if err := l.sign(); err != nil {
		return nil, errors.Join(fmt.Errorf("write lock file: %w", err), l.release())
	}
	return l, nil
}

// sign writes who has the lock.
func (l *lock) sign() error {
	program, err := os.Executable()
	if err != nil {
		program = os.Args[0]
	}
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err = l.file.WriteAt(fmt.Appendf(nil, "%d %s\n", os.Getpid(), program), 0)
	return err
}

// holder reads who has a lock that is held.
func holder(dir string, file io.ReaderAt) error {
	text := make([]byte, maxLockBytes)
	n, _ := file.ReadAt(text, 0) // what cannot be read is left out of the message
	pid, program, _ := strings.Cut(strings.TrimSpace(string(text[:n])), " ")
	e := &LockedError{Dir: dir}
	if number, err := strconv.Atoi(pid); err == nil && number > 0 {
		e.PID, e.Program = number, program
	}
	return e
}

// release frees the lock. A nil lock is none.
func (l *lock) release() error {
	if l == nil {
		return nil
	}
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("release data directory: %w", err)
	}
	return nil
}
