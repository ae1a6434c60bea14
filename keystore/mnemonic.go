package keystore

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	bip39 "github.com/tyler-smith/go-bip39"
	"golang.org/x/text/unicode/norm"
)

// Mnemonic is a seed in English words. It prints as "hidden".
type Mnemonic struct{ words string }

// NewMnemonic makes a mnemonic of 24 words from 256 random bits.
func NewMnemonic() (Mnemonic, error) {
	entropy, err := bip39.NewEntropy(256)
	if err != nil {
		return Mnemonic{}, fmt.Errorf("random numbers for a mnemonic: %w", err)
	}
	defer clear(entropy)
	words, err := bip39.NewMnemonic(entropy)
	return Mnemonic{words}, err
}

// ParseMnemonic reads a mnemonic of 12 to 24 words and checks its words and its checksum. The error repeats none of the words.
func ParseMnemonic(text string) (Mnemonic, error) {
	words := strings.Fields(strings.ToLower(norm.NFKD.String(text)))
	if len(words) < 12 || len(words) > 24 || len(words)%3 != 0 {
		return Mnemonic{}, fmt.Errorf("mnemonic has %d words, want 12, 15, 18, 21 or 24", len(words))
	}
	for i, word := range words {
		if _, ok := bip39.GetWordIndex(word); !ok {
			return Mnemonic{}, fmt.Errorf("word %d of the mnemonic is not in the English list", i+1)
		}
	}
	joined := strings.Join(words, " ")
	if !bip39.IsMnemonicValid(joined) {
		return Mnemonic{}, errors.New("checksum of the mnemonic does not match: a word is wrong or in the wrong place")
	}
	return Mnemonic{joined}, nil
}

// Seed is the seed that a mnemonic stands for together with a passphrase, which may be empty. Whoever asks wipes it after use.
func (m Mnemonic) Seed(passphrase string) []byte {
	return bip39.NewSeed(m.words, norm.NFKD.String(passphrase))
}

// Reveal is the words, for showing them once to whoever has to write them down.
func (m Mnemonic) Reveal() string { return m.words }

// Format hides the words from every verb.
func (m Mnemonic) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "mnemonic(hidden)") }

// LogValue hides the words.
func (m Mnemonic) LogValue() slog.Value { return slog.StringValue("mnemonic(hidden)") }

// MarshalJSON hides the words.
func (m Mnemonic) MarshalJSON() ([]byte, error) { return []byte(`"mnemonic(hidden)"`), nil }
