package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/keystore"
	"github.com/cresset/cresset/validator/protection"
)

// maxKeys bounds how many keys one command makes: a thousand take minutes already.
const maxKeys = 10_000

// keysFlags is what every command of "cresset keys" is told.
type keysFlags struct{ dir string }

func keysCommand() *cobra.Command {
	var f keysFlags
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Make, recover, import, list, check and export validators' keys",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().StringVar(&f.dir, "keystores", "", "directory of the keystores")
	cmd.AddCommand(f.makeCommand(true), f.makeCommand(false), f.importCommand(), f.listCommand(), f.checkCommand(), f.exportCommand())
	return cmd
}

func (f *keysFlags) list() ([]string, error) {
	if f.dir == "" {
		return nil, usageError(errors.New("--keystores is missing"))
	}
	paths, err := keystore.List(f.dir)
	if err != nil {
		return nil, inputError(err)
	}
	if len(paths) == 0 {
		return nil, inputError(fmt.Errorf("%s has no file keystore*.json", f.dir))
	}
	return paths, nil
}

// makeFlags are those of "keys new" and "keys recover".
type makeFlags struct {
	count, first                    uint32
	password, mnemonic, phrase, kdf string
}

func (f *keysFlags) makeCommand(fresh bool) *cobra.Command {
	var m makeFlags
	cmd := &cobra.Command{Use: "new", Short: "Make a mnemonic and keys from it", Args: cobra.NoArgs}
	mnemonicUsage := "file to write the mnemonic to (default: shown at the terminal, once)"
	if !fresh {
		cmd.Use, cmd.Short = "recover", "Make the keys of a mnemonic again, or more of them"
		mnemonicUsage = "file with the mnemonic (default: asked for at the terminal)"
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return f.makeKeys(cmd, m, fresh) }
	cmd.Flags().Uint32Var(&m.count, "count", 1, "number of keys")
	cmd.Flags().Uint32Var(&m.first, "first", 0, "number of the first key of the mnemonic: m/12381/3600/NUMBER/0/0")
	cmd.Flags().StringVar(&m.password, "password-file", "", "file with the password of the new keystores (default: asked for at the terminal)")
	cmd.Flags().StringVar(&m.mnemonic, "mnemonic-file", "", mnemonicUsage)
	cmd.Flags().StringVar(&m.phrase, "passphrase-file", "", "file with the passphrase of the mnemonic (default: none)")
	cmd.Flags().StringVar(&m.kdf, "kdf", string(keystore.Scrypt), "what makes guessing passwords slow: scrypt or pbkdf2")
	return cmd
}

func (f *keysFlags) makeKeys(cmd *cobra.Command, m makeFlags, fresh bool) error {
	if f.dir == "" {
		return usageError(errors.New("--keystores is missing"))
	}
	if m.count == 0 || m.count > maxKeys || m.first+m.count < m.first {
		return usageError(fmt.Errorf("--count is %d with --first %d, want 1 to %d keys", m.count, m.first, maxKeys))
	}
	if m.kdf != string(keystore.Scrypt) && m.kdf != string(keystore.PBKDF2) {
		return usageError(fmt.Errorf("--kdf is %q, want scrypt or pbkdf2", m.kdf))
	}
	secret, err := newPassword(cmd, m.password, "--password-file")
	if err != nil {
		return err
	}
	phrase, err := passphrase(m.phrase)
	if err != nil {
		return err
	}
	var words keystore.Mnemonic
	if fresh {
		words, err = keystore.NewMnemonic()
		if err == nil {
			err = handOut(cmd, words, m.mnemonic)
		}
	} else {
		words, err = mnemonic(cmd, m.mnemonic)
	}
	if err != nil {
		return err
	}
	seed := words.Seed(phrase)
	defer clear(seed)
	if err := keystore.MakeDir(f.dir); err != nil {
		return inputError(err)
	}
	for i := m.first; i < m.first+m.count; i++ {
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		path := keystore.SigningPath(i)
		key, err := keystore.Derive(seed, path)
		if err != nil {
			return err
		}
		file, err := writeKeystore(f.dir, key, secret, keystore.KDF(m.kdf), path.String())
		if errors.Is(err, fs.ErrExist) && !fresh {
			fmt.Fprintf(cmd.OutOrStdout(), "0x%x %v is there already\n", key.PublicKey().Bytes(), path)
			continue
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "0x%x %v %s\n", key.PublicKey().Bytes(), path, file)
	}
	next := "create"
	if _, err := os.Lstat(filepath.Join(f.dir, protection.MarkerName)); err == nil {
		next = "register"
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "Nothing is signed with them before slashing protection knows them. Where they never signed anything:\n"+
		"  cresset protection %s --keystores %s --beacon-node URL\nElse import their history: cresset protection import.\n", next, f.dir)
	return nil
}

// handOut gives a new mnemonic to whoever has to keep it: a secret file, or the terminal and nothing else.
func handOut(cmd *cobra.Command, m keystore.Mnemonic, file string) error {
	if file != "" {
		return keystore.WriteSecretFile(file, []byte(m.Reveal()+"\n"))
	}
	out, ok := cmd.OutOrStdout().(*os.File)
	if !ok || !term.IsTerminal(int(out.Fd())) {
		return usageError(errors.New("the mnemonic is shown at a terminal only: use one, or --mnemonic-file"))
	}
	fmt.Fprintf(out, "Write these words down; whoever has them has the keys, and without them lost keys are lost:\n\n%s\n\n", m.Reveal())
	return nil
}

// writeKeystore encrypts a key into a file that is named after it.
func writeKeystore(dir string, key *bls.SecretKey, p keystore.Password, kdf keystore.KDF, path string) (string, error) {
	public := key.PublicKey().Bytes()
	file := fileOf(dir, public)
	if _, err := os.Lstat(file); err == nil {
		return file, fmt.Errorf("%s: %w", file, fs.ErrExist) // before the work of encrypting it
	}
	k, err := keystore.Encrypt(key, p, kdf, path)
	if err != nil {
		return file, err
	}
	data, err := k.Marshal()
	if err != nil {
		return file, err
	}
	return file, keystore.WriteSecretFile(file, data)
}

func fileOf(dir string, key [48]byte) string {
	return filepath.Join(dir, "keystore-"+hex.EncodeToString(key[:])+".json")
}

func (f *keysFlags) listCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "Print the public key and the path of every keystore, without opening any",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			paths, err := f.list()
			if err != nil {
				return err
			}
			bad := 0
			for _, path := range paths {
				k, err := keystore.Read(path)
				if err != nil {
					bad++
					fmt.Fprintf(cmd.OutOrStdout(), "BAD %v\n", err)
					continue
				}
				fmt.Fprintf(cmd.OutOrStdout(), "0x%s %s %s\n", strings.TrimPrefix(k.Pubkey, "0x"), k.Path, path)
			}
			return badFiles(bad, len(paths))
		},
	}
}

func badFiles(bad, all int) error {
	if bad == 0 {
		return nil
	}
	return inputError(fmt.Errorf("%d of %d keystores are bad", bad, all))
}

// open decrypts keystores and reports those that are bad; the keys of the others are handed out.
func open(cmd *cobra.Command, passwords passwordFlags, paths []string, unlocked bool) (good []keystore.Result, bad int, err error) {
	source, err := passwords.source(cmd)
	if err != nil {
		return nil, 0, err
	}
	for _, r := range keystore.Load(cmd.Context(), keystore.LoadConfig{Password: source, Unlocked: unlocked}, paths) {
		if r.Err != nil {
			bad++
			fmt.Fprintf(cmd.OutOrStdout(), "BAD %v\n", r.Err)
			continue
		}
		good = append(good, r)
	}
	return good, bad, cmd.Context().Err()
}

func (f *keysFlags) checkCommand() *cobra.Command {
	var passwords passwordFlags
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Open every keystore with its password and compare the key with the file",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			paths, err := f.list()
			if err != nil {
				return err
			}
			good, bad, err := open(cmd, passwords, paths, true)
			if err != nil {
				return err
			}
			for _, r := range good {
				fmt.Fprintf(cmd.OutOrStdout(), "good 0x%x %s\n", r.Pubkey, r.Path)
			}
			return badFiles(bad, len(paths))
		},
	}
	passwords.add(cmd)
	return cmd
}

func (f *keysFlags) importCommand() *cobra.Command {
	var passwords passwordFlags
	var store protectionFlags
	cmd := &cobra.Command{
		Use:   "import {FILE | DIRECTORY}...",
		Short: "Check keystores, copy the good ones and register their keys with slashing protection",
		Long: "Check keystores, copy the good ones and register their keys with slashing protection.\n\n" +
			"A key that has signed elsewhere needs its history too, best before this: cresset protection import. A copy is named after its key, and\n" +
			"in the directory of --passwords its password gets that name too.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			store.keystores = f.dir
			return f.importKeys(cmd, passwords, store, args)
		},
	}
	passwords.add(cmd)
	store.add(cmd)
	return cmd
}

func (f *keysFlags) importKeys(cmd *cobra.Command, passwords passwordFlags, store protectionFlags, args []string) (err error) {
	if f.dir == "" {
		return usageError(errors.New("--keystores is missing"))
	}
	var paths []string
	for _, arg := range args {
		if info, err := os.Stat(arg); err != nil {
			return usageError(err)
		} else if !info.IsDir() {
			paths = append(paths, arg)
			continue
		}
		listed, err := keystore.List(arg)
		if err != nil {
			return inputError(err)
		}
		paths = append(paths, listed...)
	}
	if err := keystore.MakeDir(f.dir); err != nil {
		return inputError(err)
	}
	protected, err := store.open(cmd)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, protected.Close()) }()
	good, bad, err := open(cmd, passwords, paths, false)
	if err != nil {
		return err
	}
	blank := 0
	for _, r := range good {
		err := importOne(f.dir, passwords.dir, protected, r)
		if err := errors.Join(err, r.Lock.Release()); err != nil {
			bad++
			fmt.Fprintf(cmd.OutOrStdout(), "BAD %v\n", err)
			continue
		}
		history := ""
		if marks, err := protected.Marks(r.Pubkey); err == nil && !marks[0].HasBlock && !marks[0].HasAttestation {
			blank++
			history = ", which has signed nothing as far as slashing protection knows"
		}
		fmt.Fprintf(cmd.OutOrStdout(), "imported 0x%x %s%s\n", r.Pubkey, r.Path, history)
	}
	if blank > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "%d keys have no history here. If they have signed elsewhere, do not start the validator process before it is here:\n"+
			"  cresset protection import --keystores %s --beacon-node URL FILE\n", blank, f.dir)
	}
	return badFiles(bad, len(paths))
}

// importOne registers the key first: a keystore without protection would be refused by the validator process, the other way round nothing is lost.
func importOne(dir, passwords string, protected *protection.Store, r keystore.Result) error {
	data, err := keystore.ReadSecretFile(r.Path, keystore.MaxFile)
	if err != nil {
		return err
	}
	if err := protected.Register(types.BLSPubkey(r.Pubkey)); err != nil {
		return err
	}
	to := fileOf(dir, r.Pubkey)
	if passwords != "" {
		if err := keystore.CopyPassword(passwords, r.Path, to); err != nil {
			return err
		}
	}
	return keystore.WriteSecretFile(to, data)
}

func (f *keysFlags) exportCommand() *cobra.Command {
	var passwords passwordFlags
	var to, newFile, kdf string
	cmd := &cobra.Command{
		Use:   "export --to DIRECTORY PUBKEY...",
		Short: "Write keystores of some keys under a new password into another directory",
		Long: "Write keystores of some keys under a new password into another directory.\n\n" +
			"Whoever signs with them elsewhere has to stop here first, and take the history along: cresset protection export.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if to == "" {
				return usageError(errors.New("--to is missing"))
			}
			paths, err := f.list()
			if err != nil {
				return err
			}
			chosen, err := choose(paths, args)
			if err != nil {
				return err
			}
			good, bad, err := open(cmd, passwords, chosen, false)
			if err != nil {
				return err
			}
			defer func() {
				for _, r := range good {
					_ = r.Lock.Release() // the process ends with it anyway
				}
			}()
			if err := badFiles(bad, len(chosen)); err != nil {
				return err
			}
			secret, err := newPassword(cmd, newFile, "--new-password-file")
			if err != nil {
				return err
			}
			if err := keystore.MakeDir(to); err != nil {
				return inputError(err)
			}
			for _, r := range good {
				old, err := keystore.Read(r.Path)
				if err != nil {
					return inputError(err)
				}
				file, err := writeKeystore(to, r.Key, secret, keystore.KDF(kdf), old.Path)
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "exported 0x%x %s\n", r.Pubkey, file)
			}
			return nil
		},
	}
	passwords.add(cmd)
	cmd.Flags().StringVar(&to, "to", "", "directory to write to")
	cmd.Flags().StringVar(&newFile, "new-password-file", "", "file with the password of the new keystores (default: asked for at the terminal)")
	cmd.Flags().StringVar(&kdf, "kdf", string(keystore.Scrypt), "what makes guessing passwords slow: scrypt or pbkdf2")
	return cmd
}

// choose gives the files that state some public keys.
func choose(paths, keys []string) ([]string, error) {
	byKey := map[types.BLSPubkey]string{}
	for _, path := range paths {
		if k, err := keystore.Read(path); err == nil {
			if key, err := k.PublicKey(); err == nil {
				byKey[types.BLSPubkey(key)] = path
			}
		}
	}
	chosen := make([]string, 0, len(keys))
	for _, text := range keys {
		key, err := parsePubkey(text)
		if err != nil {
			return nil, usageError(err)
		}
		path, ok := byKey[key]
		if !ok {
			return nil, inputError(fmt.Errorf("no keystore states the public key %v", key))
		}
		chosen = append(chosen, path)
	}
	return chosen, nil
}

func parsePubkey(text string) (key types.BLSPubkey, err error) {
	return key, parseHex(key[:], "public key", text)
}

// parseHex reads as many bytes as dst has.
func parseHex(dst []byte, what, text string) error {
	raw, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil || len(raw) != len(dst) {
		return fmt.Errorf("%s is %.120q, want %d bytes in hexadecimal", what, text, len(dst))
	}
	copy(dst, raw)
	return nil
}

// stamp is part of the names of files that are made again and again.
func stamp() int64 { return time.Now().Unix() }
