package devnet

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/keystore"
)

// mnemonic is where all keys of every development network come from. It is no secret: nothing of worth may ever be behind it.
const mnemonic = "test test test test test test test test test test test junk"

// password is that of the keystores, and as little a secret.
const password = "devnet"

// validatorKeys is the keys of one validator.
type validatorKeys struct {
	signing, withdrawal *bls.SecretKey
}

// deriveKeys gives the keys of the first n validators.
func deriveKeys(n int) ([]validatorKeys, error) {
	words, err := keystore.ParseMnemonic(mnemonic)
	if err != nil {
		return nil, err
	}
	seed := words.Seed("")
	keys := make([]validatorKeys, n)
	for i := range keys {
		if keys[i].signing, err = keystore.Derive(seed, keystore.SigningPath(uint32(i))); err != nil {
			return nil, fmt.Errorf("derive key %d: %w", i, err)
		}
		if keys[i].withdrawal, err = keystore.Derive(seed, keystore.WithdrawalPath(uint32(i))); err != nil {
			return nil, fmt.Errorf("derive withdrawal key %d: %w", i, err)
		}
	}
	return keys, nil
}

// writeKeystores writes the signing keys that are named by their index to a directory, and the password file beside it.
func writeKeystores(dir, passwordFile string, keys []validatorKeys, indices []int) error {
	if err := keystore.MakeDir(dir); err != nil {
		return err
	}
	secret, err := keystore.NewPassword([]byte(password))
	if err != nil {
		return err
	}
	if err := os.WriteFile(passwordFile, []byte(password+"\n"), 0o600); err != nil {
		return err
	}
	for _, i := range indices {
		k, err := keystore.EncryptCheaply(keys[i].signing, secret, 2, keystore.SigningPath(uint32(i)).String())
		if err != nil {
			return fmt.Errorf("encrypt key %d: %w", i, err)
		}
		data, err := k.Marshal()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("keystore-m_12381_3600_%d_0_0.json", i)), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}
