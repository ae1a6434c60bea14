package devnet

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"

	"github.com/cresset/cresset/beacon/das"
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// call is a transaction of an account.
type call struct {
	from  int
	to    types.ExecutionAddress
	value *big.Int // wei
	data  []byte
	blob  *kzg.Blob // nil for none
}

// What transactions may cost: enough for each of ours, and far above what a new chain asks.
const (
	gasPerCall = 1_000_000
	tip        = 1_000_000_000  // wei
	maxFee     = 30_000_000_000 // wei, of gas and of blob gas
)

// Types of transactions. Spec: EIP-1559, EIP-4844.
const (
	feeTransaction  = 2
	blobTransaction = 3
)

// sidecarVersion is that of cell proofs in a transaction's wrapping. Spec: EIP-7594.
const sidecarVersion = 1

// encode signs a transaction and encodes it as it is handed in.
func (c call) encode(setup *kzg.Context, chain, nonce uint64) ([]byte, error) {
	fields := []any{chain, nonce, uint64(tip), uint64(maxFee), uint64(gasPerCall), c.to[:], c.value, c.data, []any{}}
	kind := byte(feeTransaction)
	var wrapped []any
	if c.blob != nil {
		kind = blobTransaction
		commitment, err := setup.BlobToKZGCommitment(c.blob)
		if err != nil {
			return nil, err
		}
		rows, err := das.ComputeCellsAndProofs(setup, []*kzg.Blob{c.blob})
		if err != nil {
			return nil, err
		}
		hash := transition.KZGCommitmentToVersionedHash(types.KZGCommitment(commitment))
		fields = append(fields, uint64(maxFee), [][]byte{hash[:]})
		var proofs [][]byte
		for _, p := range rows[0].Proofs {
			proofs = append(proofs, p[:])
		}
		wrapped = []any{uint64(sidecarVersion), [][]byte{c.blob[:]}, [][]byte{commitment[:]}, proofs}
	}
	plain, err := rlp.EncodeToBytes(fields)
	if err != nil {
		return nil, err
	}
	key, err := crypto.ToECDSA(accountKey(c.from))
	if err != nil {
		return nil, err
	}
	signature, err := crypto.Sign(crypto.Keccak256([]byte{kind}, plain), key)
	if err != nil {
		return nil, fmt.Errorf("sign transaction %d: %w", nonce, err)
	}
	fields = append(fields, uint64(signature[64]), new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:64]))
	var whole any = fields
	if wrapped != nil {
		whole = append([]any{fields}, wrapped...)
	}
	signed, err := rlp.EncodeToBytes(whole)
	return append([]byte{kind}, signed...), err
}

// transact hands a call in.
func (t *traffic) transact(ctx context.Context, c call) error {
	signed, err := c.encode(t.setup, t.spec.DepositChainId, t.nonces[c.from])
	if err != nil {
		return err
	}
	if err := rpc(ctx, t.nodes[0].rpc, nil, "eth_sendRawTransaction", "0x"+hex.EncodeToString(signed)); err != nil {
		return err
	}
	t.nonces[c.from]++
	return nil
}
