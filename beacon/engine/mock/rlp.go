package mock

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// rlpString appends the RLP of a byte string.
func rlpString(dst, b []byte) []byte {
	if len(b) == 1 && b[0] < 0x80 {
		return append(dst, b[0])
	}
	return append(rlpHead(dst, 0x80, len(b)), b...)
}

// rlpList appends the RLP of a list whose items are already encoded, one behind the other.
func rlpList(dst, items []byte) []byte { return append(rlpHead(dst, 0xc0, len(items)), items...) }

func rlpHead(dst []byte, base byte, n int) []byte {
	if n < 56 {
		return append(dst, base+byte(n))
	}
	size := bigEndian(uint64(n))
	return append(append(dst, base+55+byte(len(size))), size...)
}

// rlpUint appends the RLP of a number.
func rlpUint(dst []byte, n uint64) []byte { return rlpString(dst, bigEndian(n)) }

// bigEndian is a number without leading zero bytes.
func bigEndian(n uint64) []byte {
	return binary.BigEndian.AppendUint64(nil, n)[bits.LeadingZeros64(n)/8:]
}

var errRLP = errors.New("not RLP")

// rlpSplit takes the first item of b: whether it is a list, its content, and what follows.
func rlpSplit(b []byte) (isList bool, content, rest []byte, err error) {
	if len(b) == 0 {
		return false, nil, nil, errRLP
	}
	head, base := b[0], byte(0x80)
	if head < 0x80 {
		return false, b[:1], b[1:], nil
	}
	if head >= 0xc0 {
		isList, base = true, 0xc0
	}
	size, start := uint64(head-base), 1
	if size > 55 {
		digits := int(size - 55)
		if len(b) < 1+digits {
			return false, nil, nil, errRLP
		}
		size, start = 0, 1+digits
		for _, d := range b[1:start] {
			size = size<<8 | uint64(d)
		}
	}
	if size > uint64(len(b)-start) {
		return false, nil, nil, errRLP
	}
	return isList, b[start : start+int(size)], b[start+int(size):], nil
}

// blobHashes is the versioned hashes of a transaction, which is of type 3. Spec: EIP-4844, "Blob transaction".
func blobHashes(transaction []byte) ([][32]byte, error) {
	const before = 10 // chain_id to max_fee_per_blob_gas
	isList, fields, _, err := rlpSplit(transaction[1:])
	for i := 0; i < before && err == nil; i++ {
		_, _, fields, err = rlpSplit(fields)
	}
	if err != nil || !isList {
		return nil, errRLP
	}
	isList, hashes, _, err := rlpSplit(fields)
	if err != nil || !isList {
		return nil, errRLP
	}
	var out [][32]byte
	for len(hashes) > 0 {
		var hash []byte
		if _, hash, hashes, err = rlpSplit(hashes); err != nil || len(hash) != 32 {
			return nil, errRLP
		}
		out = append(out, [32]byte(hash))
	}
	return out, nil
}
