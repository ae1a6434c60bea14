package keystore

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	keystorev4 "github.com/wealdtech/go-eth2-wallet-encryptor-keystorev4"

	"github.com/cresset/cresset/beacon/bls"
)

// The bounds on what a file may demand. EIP-2335's own example takes 256 MiB, or 2^18 rounds.
const (
	maxScryptMemory = 1 << 30 // bytes: 128*n*r
	maxScryptP      = 16
	maxScryptWork   = 4 << 30 // bytes gone through: 128*n*r*p
	maxRounds       = 1 << 24 // of pbkdf2
	maxDerived      = 64      // bytes
	maxSalt         = 256     // bytes
)

// KDF names a key derivation function.
type KDF string

// The key derivation functions.
const (
	Scrypt KDF = "scrypt"
	PBKDF2 KDF = "pbkdf2"
)

// ErrPassword is what errors.Is finds when a password does not open a keystore.
var ErrPassword = errors.New("wrong password, or the file is damaged: checksum does not match")

func (c *Crypto) check() error {
	p := c.KDF.Params
	if p.DKLen < 32 || p.DKLen > maxDerived {
		return fmt.Errorf("dklen is %d, want 32 to %d", p.DKLen, maxDerived)
	}
	if err := hexField("salt", p.Salt, 0, maxSalt); err != nil {
		return err
	}
	switch KDF(c.KDF.Function) {
	case Scrypt:
		if err := checkScrypt(p); err != nil {
			return err
		}
	case PBKDF2:
		if p.PRF != "hmac-sha256" {
			return fmt.Errorf("prf is %.40q, want hmac-sha256", p.PRF)
		}
		if p.C < 1 || p.C > maxRounds {
			return fmt.Errorf("c is %d, want 1 to %d", p.C, maxRounds)
		}
	default:
		return fmt.Errorf("kdf is %.40q, want scrypt or pbkdf2", c.KDF.Function)
	}
	if c.Checksum.Function != "sha256" {
		return fmt.Errorf("checksum is %.40q, want sha256", c.Checksum.Function)
	}
	if c.Cipher.Function != "aes-128-ctr" {
		return fmt.Errorf("cipher is %.40q, want aes-128-ctr", c.Cipher.Function)
	}
	return errors.Join(
		hexField("checksum", c.Checksum.Message, 32, 32),
		hexField("iv", c.Cipher.Params.IV, 16, 16),
		hexField("cipher message", c.Cipher.Message, 32, 32),
	)
}

func checkScrypt(p KDFParams) error {
	const most = maxScryptMemory / 128
	switch {
	case p.N < 2 || p.N > most || p.N&(p.N-1) != 0:
		return fmt.Errorf("n is %d, want a power of two from 2 to %d", p.N, most)
	case p.R < 1 || p.R > most/p.N:
		return fmt.Errorf("r is %d with n %d, want 1 to %d: at most %d bytes of memory are allowed", p.R, p.N, most/p.N, maxScryptMemory)
	case p.P < 1 || p.P > maxScryptP || 128*p.N*p.R > maxScryptWork/p.P:
		return fmt.Errorf("p is %d with n %d and r %d, want 1 to %d", p.P, p.N, p.R, min(maxScryptP, maxScryptWork/(128*p.N*p.R)))
	}
	return nil
}

// hexField checks a field of between least and most bytes.
func hexField(name, text string, least, most int) error {
	if raw, err := hex.DecodeString(text); err != nil || len(raw) < least || len(raw) > most {
		return fmt.Errorf("%s is %.140q, want %d to %d bytes in hexadecimal", name, text, least, most)
	}
	return nil
}

// Memory is what decryption takes at its height, bytes.
func (k *Keystore) Memory() int64 {
	if p := k.Crypto.KDF.Params; KDF(k.Crypto.KDF.Function) == Scrypt {
		return 128 * int64(p.R) * (int64(p.N) + int64(p.P))
	}
	return 4096
}

// Decrypt gives the secret key. A wrong password is ErrPassword; a key other than the file states is ErrFormat.
func (k *Keystore) Decrypt(password Password) (*bls.SecretKey, error) {
	secret, err := k.secret(password)
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	key, err := bls.SecretKeyFromBytes(secret)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if k.Pubkey == "" {
		return key, nil
	}
	stated, err := k.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if public := key.PublicKey().Bytes(); stated != public {
		return nil, fmt.Errorf("%w: it states the public key 0x%x and holds that of 0x%x", ErrFormat, stated, public)
	}
	return key, nil
}

func (k *Keystore) secret(password Password) ([]byte, error) {
	if err := k.check(); err != nil { // also of one that was not parsed: the library trusts what it is given
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	input, err := toMap(k.Crypto)
	if err != nil {
		return nil, err
	}
	secret, err := keystorev4.New().Decrypt(input, password.text)
	if err != nil {
		if err.Error() == "invalid checksum" {
			return nil, ErrPassword
		}
		return nil, fmt.Errorf("decrypt: %w", err)
	}
	return secret, nil
}

// Encrypt makes a keystore of a secret key, with 256 MiB of scrypt or 2^18 rounds of pbkdf2.
func Encrypt(key *bls.SecretKey, password Password, kdf KDF, path string) (*Keystore, error) {
	if kdf != Scrypt && kdf != PBKDF2 {
		return nil, fmt.Errorf("kdf is %.40q, want scrypt or pbkdf2", kdf)
	}
	secret := key.Bytes()
	defer clear(secret[:])
	output, err := keystorev4.New(keystorev4.WithCipher(string(kdf))).Encrypt(secret[:], password.text)
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	public := key.PublicKey().Bytes()
	k := &Keystore{Pubkey: hex.EncodeToString(public[:]), Path: path, UUID: newUUID(), Version: Version}
	data, err := json.Marshal(output)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &k.Crypto); err != nil {
		return nil, err
	}
	return k, k.check()
}

func toMap(c Crypto) (map[string]any, error) {
	data, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	var m map[string]any
	return m, json.Unmarshal(data, &m)
}
