package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/keystore"
	"github.com/cresset/cresset/validator/protection"
	"github.com/cresset/cresset/validator/signer"
)

// databaseName is the slashing protection database beside the keystores.
const databaseName = "slashing-protection.sqlite"

// loadKeys reads and locks all keystores. Bad ones are told and left out; the locks are held as long as the process lives. One that another process has is
// keystore.ErrLocked: that process may be about to end, such as the one before this, and a key that was left out for it would stay out as long as this one lives.
func loadKeys(ctx context.Context, cfg *Config, log *slog.Logger) ([]keystore.Result, error) {
	paths, err := keystore.List(cfg.KeystoreDir)
	if err != nil {
		return nil, usage("keystores", "keystores: %w", err)
	}
	if len(paths) == 0 {
		return nil, usage("keystores", "keystores: %s has no keystore*.json", cfg.KeystoreDir)
	}
	passwords := keystore.PasswordsIn(cfg.PasswordDir)
	if cfg.PasswordFile != "" {
		password, err := keystore.ReadPasswordFile(cfg.PasswordFile)
		if err != nil {
			return nil, usage("password-file", "password-file: %w", err)
		}
		passwords = keystore.OnePassword(password)
	}
	log.Info("keystores are being decrypted", "keystores", len(paths), "directory", cfg.KeystoreDir)
	var good []keystore.Result
	var first, taken error
	locked := 0
	for _, r := range keystore.Load(ctx, keystore.LoadConfig{Password: passwords}, paths) {
		if errors.Is(r.Err, keystore.ErrLocked) {
			if locked++; taken == nil {
				taken = r.Err
			}
			continue
		}
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
	case taken != nil:
		release(good)
		return nil, fmt.Errorf("%d of %d keystores are not free, the first: %w", locked, len(paths), taken)
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
	if cfg.Init {
		database, marker := exists(where.Path), exists(where.Marker)
		switch {
		case database && marker:
			log.Info("slashing protection is there already, --init changes nothing", "database", where.Path)
		case database && unused(where):
			// A process before this one ended while it made them.
			if err := protection.Create(where); err != nil {
				return nil, &OperatorError{fmt.Errorf("make slashing protection: %w", err)}
			}
			log.Info("slashing protection was half made, it is now whole", "database", where.Path)
		case database || marker:
			return nil, &OperatorError{fmt.Errorf("--init makes slashing protection only where there never was any, and of %s and %s one is there: "+
				"bring the other one back, or import an interchange file with cresset protection import", where.Path, where.Marker)}
		default:
			if err := protection.Create(where); err != nil {
				return nil, &OperatorError{fmt.Errorf("make slashing protection: %w", err)}
			}
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
	if cfg.Init {
		if err := registerFirst(store, keys, log); err != nil {
			return nil, errors.Join(err, store.Close())
		}
	}
	return store, nil
}

// registerFirst registers all keys in a database that has none yet: it was made just now, or by a process that ended before it had registered them.
func registerFirst(store *protection.Store, keys []keystore.Result, log *slog.Logger) error {
	marks, err := store.Marks()
	if err != nil || len(marks) > 0 {
		return err
	}
	all := make([]types.BLSPubkey, len(keys))
	for i, k := range keys {
		all[i] = k.Pubkey
	}
	log.Info("keys are registered with slashing protection", "keys", len(all))
	return store.Register(all...)
}

// unused tells whether a database that no marker names is one of this chain that has no keys.
func unused(cfg protection.Config) bool {
	marks, err := protection.Unmarked(cfg)
	return err == nil && len(marks) == 0
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, os.ErrNotExist)
}

// howToRegister is what can be done about keys that slashing protection does not know.
const howToRegister = "if it never signed anything, register it with cresset protection register, else import its history with cresset protection import"

// admit hands those keys to the signer that are registered, and gives what they signed so far. Others sign nothing at all.
func admit(s *signer.Signer, store *protection.Store, keys []keystore.Result, log *slog.Logger) (map[types.BLSPubkey]protection.Mark, error) {
	marks, err := store.Marks()
	if err != nil {
		return nil, err
	}
	registered := map[types.BLSPubkey]protection.Mark{}
	for _, m := range marks {
		registered[m.Key] = m
	}
	admitted := 0
	for _, k := range keys {
		key := types.BLSPubkey(k.Pubkey)
		if _, ok := registered[key]; !ok {
			log.Error("a key is not registered with slashing protection and is not used; "+howToRegister, "key", key, "file", filepath.Base(k.Path))
			continue
		}
		s.Add(k.Key)
		admitted++
	}
	if admitted == 0 {
		return nil, &OperatorError{fmt.Errorf("none of %d keys is registered with slashing protection: %s", len(keys), howToRegister)}
	}
	return registered, nil
}

// warnUnused tells of keys that have settings of their own and are not there.
func (c *Config) warnUnused(s *signer.Signer, log *slog.Logger) {
	var unused []types.BLSPubkey
	for key := range c.ByKey {
		if !s.Has(key) {
			unused = append(unused, key)
		}
	}
	if len(unused) > 0 {
		slices.SortFunc(unused, func(a, b types.BLSPubkey) int { return bytes.Compare(a[:], b[:]) })
		log.Warn("validator-settings name keys that are not used here; add their keystores or remove them from the file", "keys", len(unused), "first", unused[0])
	}
}
