package keystore

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const maxPassword = 4096

// Password is a password as EIP-2335 has it: NFKD, without control codes. It prints as "hidden".
type Password struct{ text string }

// NewPassword normalises a password. One that is empty afterwards, is not UTF-8 or has more than 4096 bytes is an error.
func NewPassword(text []byte) (Password, error) {
	switch {
	case len(text) > maxPassword:
		return Password{}, fmt.Errorf("password has %d bytes, at most %d are allowed", len(text), maxPassword)
	case !utf8.Valid(text):
		return Password{}, fmt.Errorf("password is not UTF-8")
	}
	normalised := strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7f && r <= 0x9f { // C0, Delete, C1
			return -1
		}
		return r
	}, norm.NFKD.String(string(text)))
	if normalised == "" {
		return Password{}, fmt.Errorf("password is empty")
	}
	return Password{normalised}, nil
}

// ReadPasswordFile reads a password from a file that only its owner may read. Newlines are control codes and do not count.
func ReadPasswordFile(path string) (Password, error) {
	text, err := ReadSecretFile(path, maxPassword)
	if err != nil {
		return Password{}, err
	}
	defer clear(text)
	p, err := NewPassword(bytes.TrimRight(text, "\r\n"))
	if err != nil {
		return Password{}, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// Equal tells whether two passwords are the same.
func (p Password) Equal(o Password) bool { return p.text == o.text }

// Reveal is the normalised password, for writing it into a secret file.
func (p Password) Reveal() []byte { return []byte(p.text) }

// Format hides the password from every verb.
func (p Password) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "password(hidden)") }

// LogValue hides the password.
func (p Password) LogValue() slog.Value { return slog.StringValue("password(hidden)") }

// MarshalJSON hides the password.
func (p Password) MarshalJSON() ([]byte, error) { return []byte(`"password(hidden)"`), nil }
