package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/keystore"
	"github.com/cresset/cresset/validator/signer"
)

// operationFlags are common to "exit" and "bls-change", which sign what cannot be taken back.
type operationFlags struct {
	chain              chainFlags
	index              string
	print, yes, dryRun bool
}

func (f *operationFlags) add(cmd *cobra.Command) {
	f.chain.addSpec(cmd)
	f.chain.addGenesis(cmd)
	cmd.Flags().StringVar(&f.index, "index", "", "the validator's index (default: the beacon node's for its key)")
	cmd.Flags().BoolVar(&f.print, "print", false, "print the signed message and do not hand it in")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "say what would be done, sign nothing")
}

// validator finds a validator: what is told, compared with the beacon node where there is one. The node's answer is nil without one.
func (f *operationFlags) validator(ctx context.Context, c chain, id string) (types.ValidatorIndex, *apiclient.ValidatorOf, error) {
	var told uint64
	if f.index != "" {
		var err error
		if told, err = strconv.ParseUint(f.index, 10, 64); err != nil {
			return 0, nil, usageError(fmt.Errorf("--index is %.40q, want a number", f.index))
		}
		if id == "" {
			id = f.index
		}
	}
	if c.client == nil {
		if f.index == "" {
			return 0, nil, usageError(errors.New("--index or --beacon-node is missing"))
		}
		return types.ValidatorIndex(told), nil, nil
	}
	if id == "" {
		return 0, nil, usageError(errors.New("--index is missing"))
	}
	v, err := c.client.Validator(ctx, "head", id)
	if err != nil {
		return 0, nil, fmt.Errorf("ask for validator %s: %w", id, err)
	}
	if f.index != "" && uint64(v.Index) != told {
		return 0, nil, inputError(fmt.Errorf("validator %s has index %d, want %d", id, v.Index, told))
	}
	return v.Index, &v, nil
}

// finish asks, signs, and prints or hands in.
func (f *operationFlags) finish(cmd *cobra.Command, c chain, question string, sign func() (ssz.Object, error), submit func(context.Context, *apiclient.Client) error) error {
	out := cmd.OutOrStdout()
	if c.client == nil && !f.print {
		return usageError(errors.New("--beacon-node is missing: without one only --print is possible"))
	}
	if f.dryRun {
		_, err := fmt.Fprintf(out, "%s\nNothing was signed (--dry-run).\n", question)
		return err
	}
	if err := confirm(cmd, f.yes, question); err != nil {
		return err
	}
	signed, err := sign()
	if err != nil {
		return err
	}
	if f.print {
		text, err := ssz.MarshalJSON(ssz.Context{}, ssz.Container(signed))
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%s\n", text)
		return err
	}
	if err := submit(cmd.Context(), c.client); err != nil {
		return err
	}
	_, err = io.WriteString(out, "handed in: the beacon node has taken it\n")
	return err
}

func exitCommand() *cobra.Command {
	var f operationFlags
	var file, epoch string
	var passwords passwordFlags
	cmd := &cobra.Command{
		Use:   "exit --keystore FILE",
		Short: "Sign a validator's voluntary exit, and hand it in or print it; there is no way back",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return usageError(errors.New("--keystore is missing"))
			}
			c, err := f.chain.open(cmd)
			if err != nil {
				return err
			}
			at := c.clock.CurrentEpoch()
			if epoch != "" {
				n, err := strconv.ParseUint(epoch, 10, 64)
				if err != nil {
					return usageError(fmt.Errorf("--epoch is %.40q, want a number", epoch))
				}
				at = types.Epoch(n)
			}
			source, err := passwords.source(cmd)
			if err != nil {
				return err
			}
			r := keystore.Load(cmd.Context(), keystore.LoadConfig{Password: source, Unlocked: true}, []string{file})[0]
			if r.Err != nil {
				return inputError(r.Err)
			}
			s := c.signer()
			key := s.Add(r.Key)
			index, _, err := f.validator(cmd.Context(), c, key.String())
			if err != nil {
				return err
			}
			exit := &types.SignedVoluntaryExit{Message: types.VoluntaryExit{Epoch: at, ValidatorIndex: index}}
			question := fmt.Sprintf("Validator %d (%v) leaves for good, from epoch %d on. It cannot come back; the signed message is valid for ever.", index, key, at)
			return f.finish(cmd, c, question, func() (ssz.Object, error) {
				exit.Signature, err = s.Sign(c.fork(at), key, signer.VoluntaryExit{Message: &exit.Message})
				return exit, err
			}, func(ctx context.Context, client *apiclient.Client) error {
				return client.SubmitVoluntaryExit(ctx, exit)
			})
		},
	}
	f.add(cmd)
	passwords.add(cmd)
	cmd.Flags().StringVar(&file, "keystore", "", "the validator's keystore")
	cmd.Flags().StringVar(&epoch, "epoch", "", "the first epoch in which the exit may be included (default: the present one)")
	return cmd
}

// blsChangeFlags are those of "bls-change" alone.
type blsChangeFlags struct {
	operationFlags
	mnemonic, phrase, to string
	account              uint32
}

func blsChangeCommand() *cobra.Command {
	var f blsChangeFlags
	cmd := &cobra.Command{
		Use:   "bls-change --to ADDRESS",
		Short: "Sign the change of a validator's withdrawal credentials to an account, and hand it in or print it; there is no way back",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.add(cmd)
	cmd.Flags().StringVar(&f.mnemonic, "mnemonic-file", "", "file with the mnemonic of the withdrawal key (default: asked for at the terminal)")
	cmd.Flags().StringVar(&f.phrase, "passphrase-file", "", "file with the passphrase of the mnemonic (default: none)")
	cmd.Flags().Uint32Var(&f.account, "account", 0, "number of the validator in the mnemonic: m/12381/3600/NUMBER/0")
	cmd.Flags().StringVar(&f.to, "to", "", "the account that withdrawals go to")
	return cmd
}

func (f *blsChangeFlags) run(cmd *cobra.Command) error {
	to, err := parseAddress("--to", f.to)
	if err != nil {
		return usageError(err)
	}
	c, err := f.chain.open(cmd)
	if err != nil {
		return err
	}
	key, err := f.withdrawalKey(cmd)
	if err != nil {
		return err
	}
	s := c.signer()
	public := s.Add(key)
	index, known, err := f.validator(cmd.Context(), c, "")
	if err != nil {
		return err
	}
	want := withdrawalCredentials(public)
	if known != nil && known.WithdrawalCredentials != want {
		return inputError(fmt.Errorf("validator %d has the withdrawal credentials %v, the mnemonic's account %d has %v", index, known.WithdrawalCredentials, f.account, want))
	}
	change := &types.SignedBLSToExecutionChange{Message: types.BLSToExecutionChange{ValidatorIndex: index, FromBLSPubkey: public, ToExecutionAddress: to}}
	question := fmt.Sprintf("Withdrawals of validator %d go to %s for good. This cannot be changed again: be sure that the account is yours.", index, checksummed(to))
	return f.finish(cmd, c, question, func() (ssz.Object, error) {
		change.Signature, err = s.Sign(c.fork(c.clock.CurrentEpoch()), public, signer.BLSChange{Message: &change.Message})
		return change, err
	}, func(ctx context.Context, client *apiclient.Client) error { return client.SubmitBLSChange(ctx, change) })
}

func (f *blsChangeFlags) withdrawalKey(cmd *cobra.Command) (*bls.SecretKey, error) {
	phrase, err := passphrase(f.phrase)
	if err != nil {
		return nil, err
	}
	words, err := mnemonic(cmd, f.mnemonic)
	if err != nil {
		return nil, err
	}
	seed := words.Seed(phrase)
	defer clear(seed)
	return keystore.Derive(seed, keystore.WithdrawalPath(f.account))
}

// withdrawalCredentials are those of a BLS key. Spec: BLS_WITHDRAWAL_PREFIX (phase0/validator.md).
func withdrawalCredentials(key types.BLSPubkey) types.Bytes32 {
	c := types.Bytes32(sha256.Sum256(key[:]))
	c[0] = params.BLSWithdrawalPrefix
	return c
}
