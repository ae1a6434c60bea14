package engine

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// secretSize is the number of bytes of the key. Spec: "Key distribution" (authentication.md).
const secretSize = 32

// maxSecretFile is the largest file that is read, in bytes.
const maxSecretFile = 1 << 10

// secret signs tokens with the key of a file, which is read again when its time or size changes. It may be used by many goroutines.
type secret struct {
	file string

	mu struct {
		sync.Mutex
		key   []byte
		mtime time.Time
		size  int64
	}
}

// token is a token for one request. Spec: "JWT Claims" (authentication.md).
func (s *secret) token(now time.Time) (string, error) {
	key, err := s.current()
	if err != nil {
		return "", err
	}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"iat": now.Unix()}).SignedString(key)
}

// current is the file's key. An error names the file, never what is in it.
func (s *secret) current() ([]byte, error) {
	info, err := os.Stat(s.file)
	if err != nil {
		return nil, fmt.Errorf("JWT secret: %w", err)
	}
	s.mu.Lock()
	key, fresh := s.mu.key, s.mu.key != nil && s.mu.mtime.Equal(info.ModTime()) && s.mu.size == info.Size()
	s.mu.Unlock()
	if fresh {
		return key, nil
	}
	if key, err = readSecret(s.file); err != nil {
		return nil, fmt.Errorf("JWT secret file %s: %w", s.file, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.key, s.mu.mtime, s.mu.size = key, info.ModTime(), info.Size()
	return key, nil
}

func readSecret(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxSecretFile {
		return nil, fmt.Errorf("more than %d bytes, want %d hex digits", maxSecretFile, 2*secretSize)
	}
	digits := strings.TrimPrefix(strings.TrimSpace(string(text)), "0x")
	if len(digits) != 2*secretSize {
		return nil, fmt.Errorf("%d characters, want %d hex digits", len(digits), 2*secretSize)
	}
	key, err := hex.DecodeString(digits)
	if err != nil {
		return nil, errors.New("there is a character that is no hex digit") // The decoder's error would show it.
	}
	return key, nil
}
