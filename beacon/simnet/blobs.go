package simnet

import (
	"encoding/binary"
	"strconv"

	"github.com/cresset/cresset/beacon/das"
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// gasPerBlob is GAS_PER_BLOB of EIP-4844.
const gasPerBlob = 1 << 17

// Blob is a blob that is told apart from others by its number, and its commitment.
func Blob(setup *kzg.Context, number uint64) (*kzg.Blob, types.KZGCommitment, error) {
	blob := new(kzg.Blob)
	for i := range len(blob) / 32 {
		binary.LittleEndian.PutUint64(blob[32*i+8:], number+uint64(i)) // a field element is big-endian: these are far below the modulus
	}
	commitment, err := setup.BlobToKZGCommitment(blob)
	return blob, types.KZGCommitment(commitment), err
}

// Columns is all columns of a block, from its blobs.
func (n *Network) Columns(setup *kzg.Context, signed *types.SignedBeaconBlock, blobs ...*kzg.Blob) ([]*types.DataColumnSidecar, error) {
	rows, err := das.ComputeCellsAndProofs(setup, blobs)
	if err != nil {
		return nil, err
	}
	return das.GetDataColumnSidecarsFromBlock(ssz.Context{Spec: n.spec, Fork: n.spec.ForkAtSlot(signed.Message.Slot)}, signed, rows)
}

// BlobSidecars is the blobs of a block with all that proves them (Deneb and Electra).
func (n *Network) BlobSidecars(setup *kzg.Context, signed *types.SignedBeaconBlock, blobs ...*kzg.Blob) ([]*types.BlobSidecar, error) {
	cx := ssz.Context{Spec: n.spec, Fork: n.spec.ForkAtSlot(signed.Message.Slot)}
	header, err := signed.Message.Header(cx)
	if err != nil {
		return nil, err
	}
	body := ssz.Container(&signed.Message.Body)
	var out []*types.BlobSidecar
	for i, blob := range blobs {
		commitment := signed.Message.Body.BlobKZGCommitments[i]
		proof, err := setup.ComputeBlobKZGProof(blob, kzg.Commitment(commitment))
		if err != nil {
			return nil, err
		}
		gindex, err := ssz.GeneralizedIndex(cx, body, "blob_kzg_commitments", strconv.Itoa(i))
		if err != nil {
			return nil, err
		}
		inclusion, err := ssz.Prove(cx, body, gindex)
		if err != nil {
			return nil, err
		}
		s := &types.BlobSidecar{
			Index: uint64(i), Blob: blob[:], KZGCommitment: commitment, KZGProof: types.KZGProof(proof),
			SignedBlockHeader: types.SignedBeaconBlockHeader{Message: header, Signature: signed.Signature},
		}
		for _, node := range inclusion.Branch {
			s.KZGCommitmentInclusionProof = append(s.KZGCommitmentInclusionProof, types.Bytes32(node))
		}
		out = append(out, s)
	}
	return out, nil
}

// BlobTransaction is a transaction of type 3 in which nothing counts but the hashes of its blobs. Spec: EIP-4844.
func BlobTransaction(commitments []types.KZGCommitment) []byte {
	var hashes []byte
	for _, c := range commitments {
		hash := transition.KZGCommitmentToVersionedHash(c)
		hashes = append(append(hashes, 0x80+32), hash[:]...)
	}
	fields := make([]byte, 10) // chain_id to max_fee_per_blob_gas
	for i := range fields {
		fields[i] = 0x80 // nothing
	}
	return append([]byte{3}, rlpList(append(fields, rlpList(hashes)...))...)
}

// rlpList is the RLP of a list of less than 64 KiB whose items are encoded already.
func rlpList(items []byte) []byte {
	if len(items) < 56 {
		return append([]byte{0xc0 + byte(len(items))}, items...)
	}
	if len(items) < 256 {
		return append([]byte{0xf8, byte(len(items))}, items...)
	}
	return append([]byte{0xf9, byte(len(items) >> 8), byte(len(items))}, items...)
}
