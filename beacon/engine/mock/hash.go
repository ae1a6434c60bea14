package mock

import (
	"crypto/sha256"
	"fmt"

	"github.com/cresset/cresset/beacon/engine/wire"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// BlockHash computes the hash of a payload with what belongs to it: Keccak-256 over the RLP of the header that follows from them.
// The payload's own BlockHash is not looked at.
//
// Spec: is_valid_block_hash (bellatrix; modified deneb, electra, gloas); EIP-3675, 4399, 4895, 4844, 4788, 7685, 7928, 7843.
func BlockHash(fork params.Fork, n *wire.NewPayload) types.Hash32 {
	p := n.Payload
	noUncles := keccak(rlpList(nil, nil))
	transactions := listRoot(p.Transactions)
	bloom := p.LogsBloom
	var difficulty, nonce [8]byte
	var h []byte
	for _, b := range [][]byte{
		p.ParentHash[:], noUncles[:], p.FeeRecipient[:], p.StateRoot[:], transactions[:], p.ReceiptsRoot[:], bloom, difficulty[:0],
	} {
		h = rlpString(h, b)
	}
	for _, v := range []uint64{p.BlockNumber, p.GasLimit, p.GasUsed, p.Timestamp} {
		h = rlpUint(h, v)
	}
	for _, b := range [][]byte{p.ExtraData, p.PrevRandao[:], nonce[:], p.BaseFeePerGas.Big().Bytes()} {
		h = rlpString(h, b)
	}
	if fork >= params.Capella {
		root := withdrawalsRoot(p.Withdrawals)
		h = rlpString(h, root[:])
	}
	if fork >= params.Deneb {
		h = rlpUint(rlpUint(h, p.BlobGasUsed), p.ExcessBlobGas)
		h = rlpString(h, n.ParentBeaconBlockRoot[:])
	}
	if fork >= params.Electra {
		hash := requestsHash(n.Requests)
		h = rlpString(h, hash[:])
	}
	if fork >= params.Gloas {
		list := keccak(p.BlockAccessList)
		h = rlpUint(rlpString(h, list[:]), p.SlotNumber)
	}
	return keccak(rlpList(nil, h))
}

func withdrawalsRoot(withdrawals []types.Withdrawal) [32]byte {
	items := make([][]byte, len(withdrawals))
	for i, w := range withdrawals {
		item := rlpUint(rlpUint(nil, uint64(w.Index)), uint64(w.ValidatorIndex))
		items[i] = rlpList(nil, rlpUint(rlpString(item, w.Address[:]), uint64(w.Amount)))
	}
	return listRoot(items)
}

// requestsHash is the SHA-256 of the SHA-256 of each type's requests. Spec: EIP-7685.
func requestsHash(requests [][]byte) [32]byte {
	var inner []byte
	for _, r := range requests {
		if len(r) > 1 {
			hash := sha256.Sum256(r)
			inner = append(inner, hash[:]...)
		}
	}
	return sha256.Sum256(inner)
}

// gasPerBlob is GAS_PER_BLOB of EIP-4844.
const gasPerBlob = 1 << 17

// checkContent checks what can be checked of a payload without its ancestors.
// Spec: engine_newPayloadV1 (paris.md), point 1 and 2; V3 (cancun.md), point 3; V4 (prague.md), point 2.
func checkContent(fork params.Fork, n *wire.NewPayload) error {
	var hashes []types.Bytes32
	for i, t := range n.Payload.Transactions {
		switch {
		case len(t) == 0:
			return fmt.Errorf("transaction %d is empty", i)
		case t[0] == 3 && fork >= params.Deneb:
			found, err := blobHashes(t)
			if err != nil {
				return fmt.Errorf("transaction %d: %w", i, err)
			}
			for _, h := range found {
				hashes = append(hashes, h)
			}
		}
	}
	if fork >= params.Deneb {
		if got, want := n.Payload.BlobGasUsed, uint64(len(hashes))*gasPerBlob; got != want {
			return fmt.Errorf("blob gas used is %d, the transactions use %d", got, want)
		}
		if len(hashes) != len(n.VersionedHashes) {
			return fmt.Errorf("%d versioned hashes, the transactions have %d", len(n.VersionedHashes), len(hashes))
		}
		for i, h := range hashes {
			if h != n.VersionedHashes[i] {
				return fmt.Errorf("versioned hash %d is %v, that of the transactions %v", i, n.VersionedHashes[i], h)
			}
		}
	}
	return nil
}
