package keystore

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
)

// OnePassword gives the same password for every file.
func OnePassword(p Password) func(string) (Password, error) {
	return func(string) (Password, error) { return p, nil }
}

// PasswordsIn gives the password of NAME.json from the file NAME.txt of a directory.
func PasswordsIn(dir string) func(string) (Password, error) {
	return func(path string) (Password, error) { return ReadPasswordFile(passwordFile(dir, path)) }
}

// passwordFile is where a directory has the password of a keystore.
func passwordFile(dir, path string) string {
	return filepath.Join(dir, strings.TrimSuffix(filepath.Base(path), ".json")+".txt")
}

// CopyPassword gives the password that a directory has of a keystore to another one too. One that is there already is left alone.
func CopyPassword(dir, from, to string) error {
	text, err := ReadSecretFile(passwordFile(dir, from), maxPassword)
	if err != nil {
		return err
	}
	defer clear(text)
	if err := WriteSecretFile(passwordFile(dir, to), text); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
