package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/keystore"
	"github.com/cresset/cresset/validator/protection"
)

// protectionFlags say which database is meant. Its chain is part of that.
type protectionFlags struct {
	keystores string // where the marker stands
	path      string
	genesis   string
	node      string
}

func (f *protectionFlags) add(cmd *cobra.Command) {
	flags := cmd.PersistentFlags()
	flags.StringVar(&f.path, "protection", "", "the database (default: slashing-protection.sqlite in the directory of the keystores)")
	flags.StringVar(&f.genesis, "genesis-validators-root", "", "that of the chain (default: the beacon node's)")
	flags.StringVar(&f.node, "beacon-node", "", "URL of a beacon node to ask for it")
}

func (f *protectionFlags) config(cmd *cobra.Command) (cfg protection.Config, err error) {
	if f.keystores == "" {
		return cfg, usageError(errors.New("--keystores is missing"))
	}
	cfg.Path, cfg.Marker = f.path, filepath.Join(f.keystores, protection.MarkerName)
	if cfg.Path == "" {
		cfg.Path = filepath.Join(f.keystores, "slashing-protection.sqlite")
	}
	chain := chainFlags{root: f.genesis, node: f.node}
	cfg.GenesisValidatorsRoot, err = chain.validatorsRoot(cmd)
	return cfg, err
}

func (f *protectionFlags) open(cmd *cobra.Command) (*protection.Store, error) {
	cfg, err := f.config(cmd)
	if err != nil {
		return nil, err
	}
	s, err := protection.Open(cfg)
	if errors.Is(err, protection.ErrUnusable) {
		return nil, inputError(err)
	}
	return s, err
}

func protectionCommand() *cobra.Command {
	var f protectionFlags
	cmd := &cobra.Command{
		Use:   "protection",
		Short: "Make, fill, export and show the database that keeps validators from being slashed",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().StringVar(&f.keystores, "keystores", "", "directory of the keystores, in which the database is marked")
	f.add(cmd)
	cmd.AddCommand(f.createCommand(), f.registerCommand(), f.importCommand(), f.exportCommand(), f.showCommand())
	return cmd
}

func (f *protectionFlags) createCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a new database, or say that the one that is there belongs to the keystores; their keys are registered",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			cfg, err := f.config(cmd)
			if err != nil {
				return err
			}
			if err := keystore.MakeDir(f.keystores); err != nil {
				return inputError(err)
			}
			keys, err := f.keys()
			if err != nil {
				return err
			}
			question := fmt.Sprintf("%d keys in %s will be taken for keys that have signed nothing but what %s knows.\n"+
				"If they have signed elsewhere, import that history before they sign here.", len(keys), f.keystores, cfg.Path)
			if err := confirm(cmd, yes || len(keys) == 0, question); err != nil {
				return err
			}
			if err := protection.Create(cfg); err != nil {
				return inputError(err)
			}
			s, err := protection.Open(cfg)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			if err := s.Register(keys...); err != nil {
				return err
			}
			marks, err := s.Marks()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is ready with %d keys\n", cfg.Path, len(marks))
			return err
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// keys is what the keystores state.
func (f *protectionFlags) keys() (keys []types.BLSPubkey, err error) {
	paths, err := keystore.List(f.keystores)
	if err != nil {
		return nil, inputError(err)
	}
	for _, path := range paths {
		k, err := keystore.Read(path)
		if err != nil {
			return nil, inputError(err)
		}
		key, err := k.PublicKey()
		if err != nil {
			return nil, inputError(fmt.Errorf("%s: %w", path, err))
		}
		keys = append(keys, types.BLSPubkey(key))
	}
	return keys, nil
}

func (f *protectionFlags) registerCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "register [PUBKEY...]",
		Short: "Register keys that have signed nothing yet: some, or those of all keystores; the others stay as they are",
		RunE: f.withKeys(func(cmd *cobra.Command, s *protection.Store, keys []types.BLSPubkey) error {
			if len(keys) == 0 {
				var err error
				if keys, err = f.keys(); err != nil {
					return err
				}
			}
			known, err := s.Marks()
			if err != nil {
				return err
			}
			keys = slices.DeleteFunc(keys, func(key types.BLSPubkey) bool {
				return slices.ContainsFunc(known, func(m protection.Mark) bool { return m.Key == key })
			})
			question := fmt.Sprintf("%d keys will be taken for keys that have never signed anything, anywhere.\n"+
				"If they have, import that history instead: cresset protection import.", len(keys))
			if err := confirm(cmd, yes || len(keys) == 0, question); err != nil {
				return err
			}
			if err := s.Register(keys...); err != nil {
				return err
			}
			for _, key := range keys {
				fmt.Fprintf(cmd.OutOrStdout(), "registered %v\n", key)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d keys were registered, %d were before\n", len(keys), len(known))
			return err
		}),
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func (f *protectionFlags) importCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "import FILE",
		Short: "Merge an interchange file (EIP-3076) and print what each key had before and has now",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			file, err := os.Open(args[0])
			if err != nil {
				return usageError(err)
			}
			defer file.Close()
			s, err := f.open(cmd)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			changes, err := s.Import(file)
			if errors.Is(err, protection.ErrInterchange) {
				return inputError(fmt.Errorf("%s: %w", args[0], err))
			}
			if err != nil {
				return err
			}
			out := bufio.NewWriter(cmd.OutOrStdout())
			for _, c := range changes {
				before := "not registered"
				if c.Before != nil {
					before = heights(*c.Before)
				}
				fmt.Fprintf(out, "%v\n  before: %s\n  now:    %s\n", c.After.Key, before, heights(c.After))
			}
			return out.Flush()
		},
	}
}

// heights says in a line what a key signed.
func heights(m protection.Mark) string {
	known := func(root *types.Root) string {
		if root == nil {
			return " (signing root unknown)"
		}
		return ""
	}
	block, attestation := "no block", "no attestation"
	if m.HasBlock {
		block = fmt.Sprintf("block at slot %d%s", m.Slot, known(m.BlockRoot))
	}
	if m.HasAttestation {
		attestation = fmt.Sprintf("attestation from source %d to target %d%s", m.Source, m.Target, known(m.AttestationRoot))
	}
	return block + ", " + attestation
}

// keysOf reads public keys from arguments.
func keysOf(args []string) ([]types.BLSPubkey, error) {
	keys := make([]types.BLSPubkey, len(args))
	for i, text := range args {
		var err error
		if keys[i], err = parsePubkey(text); err != nil {
			return nil, usageError(err)
		}
	}
	return keys, nil
}

// withKeys runs what a command does with the record and with the keys that its arguments name.
func (f *protectionFlags) withKeys(run func(*cobra.Command, *protection.Store, []types.BLSPubkey) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) (err error) {
		keys, err := keysOf(args)
		if err != nil {
			return err
		}
		s, err := f.open(cmd)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.Close()) }()
		return run(cmd, s, keys)
	}
}

func (f *protectionFlags) exportCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "export [PUBKEY...]",
		Short: "Write an interchange file (EIP-3076) of some keys or of all",
		RunE: f.withKeys(func(cmd *cobra.Command, s *protection.Store, keys []types.BLSPubkey) error {
			if output == "" {
				return exportTo(s, cmd.OutOrStdout(), keys)
			}
			var text strings.Builder
			if err := exportTo(s, &text, keys); err != nil {
				return err
			}
			return keystore.WriteSecretFile(output, []byte(text.String()))
		}),
	}
	cmd.Flags().StringVar(&output, "output", "", "new file to write to (default: standard output)")
	return cmd
}

func exportTo(s *protection.Store, out io.Writer, keys []types.BLSPubkey) error {
	err := s.Export(out, keys...)
	if errors.Is(err, protection.ErrNotRegistered) {
		return inputError(err)
	}
	return err
}

func (f *protectionFlags) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show [PUBKEY...]",
		Short: "Print the highest block and attestation of some keys or of all",
		RunE: f.withKeys(func(cmd *cobra.Command, s *protection.Store, keys []types.BLSPubkey) error {
			marks, err := s.Marks(keys...)
			if err != nil {
				return err
			}
			out := bufio.NewWriter(cmd.OutOrStdout())
			for _, m := range marks {
				fmt.Fprintf(out, "%v %s\n", m.Key, heights(m))
			}
			if len(marks) < len(keys) {
				return errors.Join(out.Flush(), inputError(fmt.Errorf("%d of %d keys are not registered", len(keys)-len(marks), len(keys))))
			}
			return out.Flush()
		}),
	}
}
