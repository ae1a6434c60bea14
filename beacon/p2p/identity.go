package p2p

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/libp2p/go-libp2p/core/crypto"
)

// ErrIdentity is what errors.Is finds in the errors about the file with the node's key.
var ErrIdentity = errors.New("network key")

// keyBytes is the length of a secp256k1 key.
const keyBytes = 32

// LoadIdentity reads the node's secp256k1 key from a file, where it stands in hex. Where there is no file it makes a key and writes it,
// readable by the owner alone. A file that is there and holds no key is an error, and is not replaced: the node's name hangs on it.
//
// Spec: "Encryption and identification" (phase0): secp256k1 identities.
func LoadIdentity(path string) (crypto.PrivKey, error) {
	text, err := readSmall(path, 4*keyBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return newIdentity(path)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: read %s: %w", ErrIdentity, path, err)
	}
	raw, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(raw) != keyBytes {
		return nil, fmt.Errorf("%w: %s does not hold %d bytes in hex; restore it, or remove it for a new identity", ErrIdentity, path, keyBytes)
	}
	if !validScalar(raw) {
		return nil, fmt.Errorf("%w: %s holds a number that is no secp256k1 key; restore it, or remove it for a new identity", ErrIdentity, path)
	}
	key, err := crypto.UnmarshalSecp256k1PrivateKey(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrIdentity, path, err)
	}
	if info, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrIdentity, err)
	} else if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s may be read by others (mode %o): chmod 600 it", ErrIdentity, path, info.Mode().Perm())
	}
	return key, nil
}

func newIdentity(path string) (crypto.PrivKey, error) {
	key, _, err := crypto.GenerateSecp256k1Key(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("%w: generate: %w", ErrIdentity, err)
	}
	raw, err := key.Raw()
	if err != nil {
		return nil, fmt.Errorf("%w: encode: %w", ErrIdentity, err)
	}
	if err := writeFile(path, []byte(hex.EncodeToString(raw)+"\n")); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	return key, nil
}

// readSmall reads a file that is at most so long.
func readSmall(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("longer than %d bytes", most)
	}
	return data, err
}

// writeFile writes a file whole or not at all, readable by its owner alone.
func writeFile(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
