package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/keystore"
	"github.com/cresset/cresset/validator/protection"
	"github.com/cresset/cresset/validator/signer"
)

// databaseName is the slashing protection database beside the keystores.
const databaseName = "slashing-protection.sqlite"

// loadKeys reads and locks all keystores. Bad ones are told and left out; the locks are held as long as the process lives.
func loadKeys(ctx context.Context, cfg *Config, log *slog.Logger) ([]keystore.Result, error) {
	paths, err := keystore.List(cfg.KeystoreDir)
	if err != nil {
		return nil, &UsageError{fmt.Errorf("keystores: %w", err)}
	}
	if len(paths) == 0 {
		return nil, usage("keystores: %s has no keystore*.json", cfg.KeystoreDir)
	}
	passwords := keystore.PasswordsIn(cfg.PasswordDir)
	if cfg.PasswordFile != "" {
		password, err := keystore.ReadPasswordFile(cfg.PasswordFile)
		if err != nil {
			return nil, &UsageError{fmt.Errorf("password-file: %w", err)}
		}
		passwords = keystore.OnePassword(password)
	}
	log.Info("keystores are being decrypted", "keystores", len(paths), "directory", cfg.KeystoreDir)
	var good []keystore.Result
	var first error
	for _, r := range keystore.Load(ctx, keystore.LoadConfig{Password: passwords}, paths) {
		if r.Err != nil {
			log.Error("a keystore is not used; repair or remove it", "file", filepath.Base(r.Path), "error", r.Err)
			if first == nil {
				first = r.Err
			}
			continue
		}
		good = append(good, r)
	}
	switch {
	case ctx.Err() != nil:
		release(good)
		return nil, ctx.Err()
	case len(good) == 0:
		return nil, &OperatorError{fmt.Errorf("%w of %d in %s, the first because: %w", errNoKeys, len(paths), cfg.KeystoreDir, first)}
	}
	return good, nil
}

func release(keys []keystore.Result) {
	for _, k := range keys {
		_ = k.Lock.Release() // the process ends
	}
}

// openProtection opens the database of the keystores, and makes it where that was asked for.
func openProtection(cfg *Config, root types.Root, keys []keystore.Result, log *slog.Logger) (*protection.Store, error) {
	where := protection.Config{
		Path: filepath.Join(cfg.KeystoreDir, databaseName), Marker: filepath.Join(cfg.KeystoreDir, protection.MarkerName), GenesisValidatorsRoot: root,
	}
	fresh := false
	if cfg.Init {
		database, marker := exists(where.Path), exists(where.Marker)
		switch {
		case database && marker:
			log.Info("slashing protection is there already, --init changes nothing", "database", where.Path)
		case database || marker:
			return nil, &OperatorError{fmt.Errorf("--init makes slashing protection only where there never was any, and of %s and %s one is there: "+
				"bring the other one back, or import an interchange file with cresset protection import", where.Path, where.Marker)}
		default:
			if err := protection.Create(where); err != nil {
				return nil, &OperatorError{fmt.Errorf("make slashing protection: %w", err)}
			}
			fresh = true
			log.Info("slashing protection was made", "database", where.Path)
		}
	}
	store, err := protection.Open(where)
	switch {
	case errors.Is(err, keystore.ErrLocked):
		return nil, err // whoever has it may end
	case err != nil && !exists(where.Path) && !exists(where.Marker):
		return nil, &OperatorError{fmt.Errorf("%w; where these keys never signed anything, --init makes one; else import their history with cresset protection import", err)}
	case err != nil:
		return nil, &OperatorError{err}
	}
	if fresh {
		all := make([]types.BLSPubkey, len(keys))
		for i, k := range keys {
			all[i] = k.Pubkey
		}
		if err := store.Register(all...); err != nil {
			return nil, errors.Join(err, store.Close())
		}
	}
	return store, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, os.ErrNotExist)
}

// admit hands those keys to the signer that are registered. Others sign nothing at all.
func admit(s *signer.Signer, store *protection.Store, keys []keystore.Result, log *slog.Logger) error {
	marks, err := store.Marks()
	if err != nil {
		return err
	}
	registered := map[types.BLSPubkey]bool{}
	for _, m := range marks {
		registered[m.Key] = true
	}
	admitted := 0
	for _, k := range keys {
		if key := types.BLSPubkey(k.Pubkey); !registered[key] {
			log.Error("a key is not registered with slashing protection and is not used; import its history with cresset protection import", "key", key, "file", filepath.Base(k.Path))
			continue
		}
		s.Add(k.Key)
		admitted++
	}
	if admitted == 0 {
		return &OperatorError{fmt.Errorf("none of %d keys is registered with slashing protection: import their history with cresset protection import", len(keys))}
	}
	return nil
}
