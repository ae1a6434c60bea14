package keystore

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/cresset/cresset/beacon/bls"
)

// EncryptCheaply makes a keystore of a secret key with as many rounds of pbkdf2 as the caller says. It is for keys that need no protection, such as
// those of a development network: whoever has the file finds a password behind few rounds soon.
func EncryptCheaply(key *bls.SecretKey, password Password, rounds int, path string) (*Keystore, error) {
	var salt [32]byte
	var iv [aes.BlockSize]byte
	rand.Read(salt[:]) // never fails
	rand.Read(iv[:])
	public := key.PublicKey().Bytes()
	k := &Keystore{Pubkey: hex.EncodeToString(public[:]), Path: path, UUID: newUUID(), Version: Version}
	k.Crypto.KDF = Module[KDFParams]{Function: string(PBKDF2), Params: KDFParams{DKLen: 32, C: rounds, PRF: "hmac-sha256", Salt: hex.EncodeToString(salt[:])}}
	if rounds < 1 || rounds > maxRounds {
		return nil, fmt.Errorf("rounds of pbkdf2 are %d, want 1 to %d", rounds, maxRounds)
	}
	derived, err := pbkdf2.Key(sha256.New, password.text, salt[:], rounds, 32)
	if err != nil {
		return nil, fmt.Errorf("derive the key of the file: %w", err)
	}
	defer clear(derived)
	block, err := aes.NewCipher(derived[:16])
	if err != nil {
		return nil, err
	}
	secret := key.Bytes()
	defer clear(secret[:])
	message := make([]byte, len(secret))
	cipher.NewCTR(block, iv[:]).XORKeyStream(message, secret[:])
	checksum := sha256.Sum256(append(append([]byte(nil), derived[16:]...), message...))
	k.Crypto.Checksum = Module[struct{}]{Function: "sha256", Message: hex.EncodeToString(checksum[:])}
	k.Crypto.Cipher = Module[CipherParams]{Function: "aes-128-ctr", Params: CipherParams{IV: hex.EncodeToString(iv[:])}, Message: hex.EncodeToString(message)}
	return k, k.check()
}
