package keystore

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	util "github.com/wealdtech/go-eth2-util"

	"github.com/cresset/cresset/beacon/bls"
)

// Path is where a key stands in the tree that grows from a seed, the root being the empty path.
type Path []uint32

const (
	maxDepth = 16
	minSeed  = 16 // bytes
)

// SigningPath is the path of the key that validator i signs with: m/12381/3600/i/0/0. Spec: EIP-2334.
func SigningPath(i uint32) Path { return Path{12381, 3600, i, 0, 0} }

// WithdrawalPath is the path of the key to the withdrawal credentials of validator i: m/12381/3600/i/0. Spec: EIP-2334.
func WithdrawalPath(i uint32) Path { return Path{12381, 3600, i, 0} }

// ParsePath reads a path such as m/12381/3600/0/0/0.
func ParsePath(text string) (Path, error) {
	parts := strings.Split(text, "/")
	if parts[0] != "m" || len(parts) > maxDepth+1 {
		return nil, fmt.Errorf("path is %.100q, want m and at most %d numbers after it", text, maxDepth)
	}
	path := make(Path, 0, len(parts)-1)
	for _, part := range parts[1:] {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil || strconv.FormatUint(n, 10) != part {
			return nil, fmt.Errorf("path is %.100q: %.20q is not a number below 2^32", text, part)
		}
		path = append(path, uint32(n))
	}
	return path, nil
}

// String is the path as EIP-2334 writes it.
func (p Path) String() string {
	text := "m"
	for _, i := range p {
		text += "/" + strconv.FormatUint(uint64(i), 10)
	}
	return text
}

// Derive gives the key at a path of the tree that grows from a seed of at least 16 bytes. Spec: EIP-2333.
func Derive(seed []byte, path Path) (*bls.SecretKey, error) {
	if len(seed) < minSeed {
		return nil, fmt.Errorf("seed has %d bytes, want at least %d", len(seed), minSeed)
	}
	// The library appends to the seed it is given.
	own := append(make([]byte, 0, len(seed)+1), seed...)
	defer clear(own[:cap(own)])
	node, err := util.DeriveMasterSK(own)
	if err != nil {
		return nil, fmt.Errorf("derive the master key: %w", err)
	}
	for _, i := range path {
		child, err := util.DeriveChildSK(node, i)
		wipe(node)
		if err != nil {
			return nil, fmt.Errorf("derive %v: %w", path, err)
		}
		node = child
	}
	defer wipe(node)
	var secret [32]byte
	defer clear(secret[:])
	return bls.SecretKeyFromBytes(node.FillBytes(secret[:]))
}

func wipe(n *big.Int) { clear(n.Bits()) }
