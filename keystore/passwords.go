package keystore

import (
	"path/filepath"
	"strings"
)

// OnePassword gives the same password for every file.
func OnePassword(p Password) func(string) (Password, error) {
	return func(string) (Password, error) { return p, nil }
}

// PasswordsIn gives the password of NAME.json from the file NAME.txt of a directory.
func PasswordsIn(dir string) func(string) (Password, error) {
	return func(path string) (Password, error) {
		return ReadPasswordFile(filepath.Join(dir, strings.TrimSuffix(filepath.Base(path), ".json")+".txt"))
	}
}
