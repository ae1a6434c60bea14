package keystore

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// MaxFile bounds a keystore file; one of ours has some 800 bytes.
const MaxFile = 64 << 10

// Version is the one version of the format, that of EIP-2335.
const Version = 4

// Keystore is one secret key, encrypted.
type Keystore struct {
	Crypto      Crypto `json:"crypto"`
	Description string `json:"description"`
	// Pubkey is the public key in hexadecimal without 0x. A file may leave it out.
	Pubkey string `json:"pubkey"`
	// Path is where the key comes from (EIP-2334), empty for none.
	Path    string `json:"path"`
	UUID    string `json:"uuid"`
	Version int    `json:"version"`
}

// Crypto is how the key is encrypted.
type Crypto struct {
	KDF      Module[KDFParams]    `json:"kdf"`
	Checksum Module[struct{}]     `json:"checksum"`
	Cipher   Module[CipherParams] `json:"cipher"`
}

// Module is one step of encryption: a function by name, its parameters, and its data in hexadecimal.
type Module[P any] struct {
	Function string `json:"function"`
	Params   P      `json:"params"`
	Message  string `json:"message"`
}

// KDFParams are the parameters of scrypt (N, R, P) or pbkdf2 (C, PRF).
type KDFParams struct {
	DKLen int    `json:"dklen"`
	N     int    `json:"n,omitempty"`
	P     int    `json:"p,omitempty"`
	R     int    `json:"r,omitempty"`
	C     int    `json:"c,omitempty"`
	PRF   string `json:"prf,omitempty"`
	Salt  string `json:"salt"`
}

// CipherParams are the parameters of AES in counter mode.
type CipherParams struct {
	IV string `json:"iv"`
}

// ErrFormat is what errors.Is finds when bytes are no keystore, or one that demands more than is allowed.
var ErrFormat = errors.New("not a valid keystore")

// Parse reads a keystore and checks all that can be checked without the password. What it refuses is ErrFormat.
func Parse(data []byte) (*Keystore, error) {
	if len(data) > MaxFile {
		return nil, fmt.Errorf("%w: it has %d bytes, at most %d are allowed", ErrFormat, len(data), MaxFile)
	}
	var k Keystore
	decoder := json.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(&k); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if decoder.More() {
		return nil, fmt.Errorf("%w: something follows its end", ErrFormat)
	}
	if err := k.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return &k, nil
}

func (k *Keystore) check() error {
	if k.Version != Version {
		return fmt.Errorf("version is %d, want %d", k.Version, Version)
	}
	if k.Pubkey != "" {
		if _, err := k.PublicKey(); err != nil {
			return err
		}
	}
	if k.Path != "" {
		if _, err := ParsePath(k.Path); err != nil {
			return err
		}
	}
	return k.Crypto.check()
}

// PublicKey is the public key that the file states; it is not checked before decryption.
func (k *Keystore) PublicKey() (key [48]byte, err error) {
	raw, err := hex.DecodeString(strings.TrimPrefix(k.Pubkey, "0x"))
	if err != nil || len(raw) != len(key) {
		return key, fmt.Errorf("pubkey is %.120q, want %d bytes in hexadecimal", k.Pubkey, len(key))
	}
	return [48]byte(raw), nil
}

// Marshal is the file's content.
func (k *Keystore) Marshal() ([]byte, error) {
	data, err := json.MarshalIndent(k, "", "  ")
	return append(data, '\n'), err
}

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
