package params

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"math/bits"
)

// Slot counts slots since genesis.
type Slot uint64

// Epoch counts epochs since genesis.
type Epoch uint64

// Gwei is an amount of 10**-9 ether.
type Gwei uint64

// ValidatorIndex is a position in the validator registry.
type ValidatorIndex uint64

// CommitteeIndex is the position of a committee among those of its slot.
type CommitteeIndex uint64

// BuilderIndex is a position in the builder registry (gloas).
type BuilderIndex uint64

// WithdrawalIndex counts the withdrawals of a chain (capella).
type WithdrawalIndex uint64

// Root is a Merkle root.
type Root [32]byte

// Hash32 is a hash made by the execution layer or by the plain hash function.
type Hash32 [32]byte

// Uint256 is a 256-bit number, big-endian.
type Uint256 [32]byte

// Version is a fork version.
type Version [4]byte

// ForkDigest tells chains and their forks apart on the network.
type ForkDigest [4]byte

// DomainType names what a signature is for.
type DomainType [4]byte

// Domain is what is mixed into a signing root: a DomainType and a part of the fork data root.
type Domain [32]byte

// ExecutionAddress is an account of the execution layer.
type ExecutionAddress [20]byte

// BLSPubkey is a compressed public key. Nothing is checked about it being a valid point.
type BLSPubkey [48]byte

// BLSSignature is a compressed signature. Nothing is checked about it being a valid point.
type BLSSignature [96]byte

// KZGCommitment is a compressed commitment to a blob (deneb).
type KZGCommitment [48]byte

// KZGProof is a compressed proof of an evaluation (deneb).
type KZGProof [48]byte

func hex0x(b []byte) string { return "0x" + hex.EncodeToString(b) }

// String returns lower-case hex with 0x.
func (b Root) String() string { return hex0x(b[:]) }

// String returns lower-case hex with 0x.
func (b Hash32) String() string { return hex0x(b[:]) }

// String returns the number in decimal.
func (b Uint256) String() string { return new(big.Int).SetBytes(b[:]).String() }

// String returns lower-case hex with 0x.
func (b Version) String() string { return hex0x(b[:]) }

// String returns lower-case hex with 0x.
func (b ForkDigest) String() string { return hex0x(b[:]) }

// String returns lower-case hex with 0x.
func (b DomainType) String() string { return hex0x(b[:]) }

// String returns lower-case hex with 0x.
func (b Domain) String() string { return hex0x(b[:]) }

// String returns lower-case hex with 0x.
func (b ExecutionAddress) String() string { return hex0x(b[:]) }

// String returns lower-case hex with 0x.
func (b BLSPubkey) String() string { return hex0x(b[:]) }

// String returns lower-case hex with 0x.
func (b BLSSignature) String() string { return hex0x(b[:]) }

// String returns lower-case hex with 0x.
func (b KZGCommitment) String() string { return hex0x(b[:]) }

// String returns lower-case hex with 0x.
func (b KZGProof) String() string { return hex0x(b[:]) }

// ErrOverflow is what errors.Is finds in every OverflowError.
var ErrOverflow = errors.New("uint64 overflow")

// OverflowError says which sum or product does not fit in 64 bits. The specification treats such
// an operation as a failed assertion.
type OverflowError struct {
	Op    string // type and operator, such as "Slot +" or "Gwei *"
	Left  uint64
	Right uint64
}

func (e *OverflowError) Error() string {
	return fmt.Sprintf("%v: %s of %d and %d", ErrOverflow, e.Op, e.Left, e.Right)
}

// Is reports whether target is ErrOverflow.
func (e *OverflowError) Is(target error) bool { return target == ErrOverflow }

// overflow and the methods mulOverflow are kept out of line, with so few arguments, so that Add and
// Mul stay within the compiler's budget for inlining.
//
//go:noinline
func overflow(op string, left, right uint64) error {
	return &OverflowError{Op: op, Left: left, Right: right}
}

// Add returns s + x, or an OverflowError.
func (s Slot) Add(x Slot) (Slot, error) {
	sum := s + x
	if sum < s {
		return 0, overflow("Slot +", uint64(s), uint64(x))
	}
	return sum, nil
}

// Mul returns s * n, or an OverflowError.
func (s Slot) Mul(n uint64) (Slot, error) {
	hi, lo := bits.Mul64(uint64(s), n)
	if hi == 0 {
		return Slot(lo), nil
	}
	return 0, s.mulOverflow(n)
}

//go:noinline
func (s Slot) mulOverflow(n uint64) error { return overflow("Slot *", uint64(s), n) }

// SubSaturating returns s - x, or 0 where x is larger.
func (s Slot) SubSaturating(x Slot) Slot { return s - min(s, x) }

// Add returns e + x, or an OverflowError.
func (e Epoch) Add(x Epoch) (Epoch, error) {
	sum := e + x
	if sum < e {
		return 0, overflow("Epoch +", uint64(e), uint64(x))
	}
	return sum, nil
}

// Mul returns e * n, or an OverflowError.
func (e Epoch) Mul(n uint64) (Epoch, error) {
	hi, lo := bits.Mul64(uint64(e), n)
	if hi == 0 {
		return Epoch(lo), nil
	}
	return 0, e.mulOverflow(n)
}

//go:noinline
func (e Epoch) mulOverflow(n uint64) error { return overflow("Epoch *", uint64(e), n) }

// SubSaturating returns e - x, or 0 where x is larger.
func (e Epoch) SubSaturating(x Epoch) Epoch { return e - min(e, x) }

// Add returns g + x, or an OverflowError.
func (g Gwei) Add(x Gwei) (Gwei, error) {
	sum := g + x
	if sum < g {
		return 0, overflow("Gwei +", uint64(g), uint64(x))
	}
	return sum, nil
}

// Mul returns g * n, or an OverflowError.
func (g Gwei) Mul(n uint64) (Gwei, error) {
	hi, lo := bits.Mul64(uint64(g), n)
	if hi == 0 {
		return Gwei(lo), nil
	}
	return 0, g.mulOverflow(n)
}

//go:noinline
func (g Gwei) mulOverflow(n uint64) error { return overflow("Gwei *", uint64(g), n) }

// SubSaturating returns g - x, or 0 where x is larger.
func (g Gwei) SubSaturating(x Gwei) Gwei { return g - min(g, x) }

// clip shortens text that came from outside before it goes into an error.
func clip(s string) string {
	const limit = 80
	if len(s) <= limit {
		return s
	}
	return s[:limit] + "..."
}
