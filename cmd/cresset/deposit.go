package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/sha3"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/keystore"
)

// depositFormat is the version of the launchpad's format that is written; the launchpad refuses files without one.
const depositFormat = "2.7.0"

// depositEntry is a deposit as the launchpad reads it: hexadecimal without 0x.
type depositEntry struct {
	Pubkey                string `json:"pubkey"`
	WithdrawalCredentials string `json:"withdrawal_credentials"`
	Amount                uint64 `json:"amount"` // Gwei
	Signature             string `json:"signature"`
	DepositMessageRoot    string `json:"deposit_message_root"`
	DepositDataRoot       string `json:"deposit_data_root"`
	ForkVersion           string `json:"fork_version"`
	NetworkName           string `json:"network_name"`
	Version               string `json:"deposit_cli_version"`
}

type depositFlags struct {
	chain       chainFlags
	passwords   passwordFlags
	keystores   string
	address     string
	compounding bool
	amount      uint64
	output      string
	yes         bool
}

func depositCommand() *cobra.Command {
	var f depositFlags
	cmd := &cobra.Command{
		Use:   "deposit --keystores DIRECTORY --withdrawal-address ADDRESS [PUBKEY...]",
		Short: "Write the deposits of some keys or of all in a directory, as the launchpad reads them",
		RunE:  func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	f.chain.addSpec(cmd)
	f.passwords.add(cmd)
	cmd.Flags().StringVar(&f.keystores, "keystores", "", "directory of the keystores")
	cmd.Flags().StringVar(&f.address, "withdrawal-address", "", "the account that withdrawals go to, for good")
	cmd.Flags().BoolVar(&f.compounding, "compounding", false, "credentials 0x02: the balance that counts may grow beyond 32 ETH")
	cmd.Flags().Uint64Var(&f.amount, "amount", 32*params.EthToGwei, "of each deposit, Gwei")
	cmd.Flags().StringVar(&f.output, "output", "", "new file to write to (default: deposit_data-TIME.json)")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "do not ask")
	return cmd
}

func (f *depositFlags) run(cmd *cobra.Command, args []string) error {
	spec, err := f.chain.spec(cmd)
	if err != nil {
		return err
	}
	address, err := parseAddress("--withdrawal-address", f.address)
	if err != nil {
		return usageError(err)
	}
	amount := types.Gwei(f.amount)
	if err := checkAmount(spec, amount, f.compounding); err != nil {
		return usageError(err)
	}
	paths, err := (&keysFlags{f.keystores}).list()
	if err != nil {
		return err
	}
	if len(args) > 0 {
		if paths, err = choose(paths, args); err != nil {
			return err
		}
	}
	good, bad, err := open(cmd, f.passwords, paths, true)
	if err == nil {
		err = badFiles(bad, len(paths))
	}
	if err != nil {
		return err
	}
	question := fmt.Sprintf("%d deposits of %d Gwei; withdrawals go to %s for good.", len(good), f.amount, checksummed(address))
	if err := confirm(cmd, f.yes, question); err != nil {
		return err
	}
	entries := make([]depositEntry, len(good))
	for i, r := range good {
		if entries[i], err = makeDeposit(spec, r.Key, credentials(address, f.compounding), amount); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(entries, "", "  ")
	if err != nil {
		return err
	}
	if f.output == "" {
		f.output = fmt.Sprintf("deposit_data-%d.json", stamp())
	}
	if err := keystore.WriteSecretFile(f.output, append(text, '\n')); err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d deposits in %s\n", len(entries), f.output)
	return err
}

// checkAmount refuses what the deposit contract refuses, and what is more than ever counts.
func checkAmount(spec *params.Spec, amount types.Gwei, compounding bool) error {
	most := spec.MaxEffectiveBalance
	if compounding {
		most = spec.MaxEffectiveBalanceElectra
	}
	if amount < spec.MinDepositAmount || amount > most {
		return fmt.Errorf("--amount is %d Gwei, want %d to %d (compounding: %t)", amount, spec.MinDepositAmount, most, compounding)
	}
	return nil
}

func credentials(address types.ExecutionAddress, compounding bool) (c types.Bytes32) {
	c[0] = params.Eth1AddressWithdrawalPrefix
	if compounding {
		c[0] = params.CompoundingWithdrawalPrefix
	}
	copy(c[12:], address[:])
	return c
}

// makeDeposit signs a deposit and checks what it signed from its encoding. Spec: the deposit's signature is for no chain but the fork version of genesis
// (phase0/beacon-chain.md, apply_deposit).
func makeDeposit(spec *params.Spec, secret *bls.SecretKey, credentials types.Bytes32, amount types.Gwei) (depositEntry, error) {
	data := types.DepositData{Pubkey: types.BLSPubkey(secret.PublicKey().Bytes()), WithdrawalCredentials: credentials, Amount: amount}
	message := types.DepositMessage{Pubkey: data.Pubkey, WithdrawalCredentials: credentials, Amount: amount}
	messageRoot := types.HashTreeRoot(&message)
	root := types.ComputeSigningRoot(messageRoot, types.ComputeDomain(params.DomainDeposit(), spec.GenesisForkVersion, types.Root{}))
	data.Signature = secret.Sign(root[:]).Bytes()

	public, err := bls.PublicKeyFromBytes(data.Pubkey[:])
	if err != nil {
		return depositEntry{}, fmt.Errorf("public key of the deposit: %w", err)
	}
	signature, err := bls.SignatureFromBytes(data.Signature[:])
	if err != nil {
		return depositEntry{}, fmt.Errorf("signature of the deposit: %w", err)
	}
	if !bls.Verify(public, root[:], signature) {
		return depositEntry{}, errors.New("signature of the deposit does not verify: do not trust this machine")
	}
	dataRoot := types.HashTreeRoot(&data)
	return depositEntry{
		Pubkey:                hex.EncodeToString(data.Pubkey[:]),
		WithdrawalCredentials: hex.EncodeToString(credentials[:]),
		Amount:                uint64(amount),
		Signature:             hex.EncodeToString(data.Signature[:]),
		DepositMessageRoot:    hex.EncodeToString(messageRoot[:]),
		DepositDataRoot:       hex.EncodeToString(dataRoot[:]),
		ForkVersion:           hex.EncodeToString(spec.GenesisForkVersion[:]),
		NetworkName:           spec.ConfigName,
		Version:               depositFormat,
	}, nil
}

// parseAddress reads an account. One with letters of both cases has to have the checksum of EIP-55; the zero account is refused.
func parseAddress(flag, text string) (a types.ExecutionAddress, err error) {
	if text == "" {
		return a, fmt.Errorf("%s is missing", flag)
	}
	if err := parseHex(a[:], flag, text); err != nil || !strings.HasPrefix(text, "0x") {
		return a, fmt.Errorf("%s is %.80q, want 0x and 40 hexadecimal digits", flag, text)
	}
	if a == (types.ExecutionAddress{}) {
		return a, fmt.Errorf("%s is the account that nobody has", flag)
	}
	digits := text[2:]
	if digits != strings.ToLower(digits) && digits != strings.ToUpper(digits) && text != checksummed(a) {
		return a, fmt.Errorf("%s is %s: its checksum (EIP-55) is wrong, so a digit may be", flag, text)
	}
	return a, nil
}

// checksummed writes an account with the checksum of EIP-55: a letter is large where the digit of the hash of the small ones is 8 or more.
func checksummed(a types.ExecutionAddress) string {
	digits := []byte(hex.EncodeToString(a[:]))
	h := sha3.NewLegacyKeccak256()
	h.Write(digits)
	hash := hex.EncodeToString(h.Sum(nil))
	for i := range digits {
		if hash[i] >= '8' && digits[i] >= 'a' {
			digits[i] -= 'a' - 'A'
		}
	}
	return "0x" + string(digits)
}
