package synthetic

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/types"
)

// Keys are numbered. Validators have the numbers of their indices, those who are none yet have numbers from here on.
const (
	depositKeys = 1 << 32 // of pending deposits
	requestKeys = 2 << 32 // of deposit requests in blocks
	builderKeys = 3 << 32
)

// Keys are the keys of a seed, in arithmetic progression.
type Keys struct{ base *bls.SecretKey }

// NewKeys derives the keys of a seed.
func NewKeys(seed uint64) (Keys, error) {
	digest := sha256.Sum256(binary.LittleEndian.AppendUint64([]byte("synthetic keys "), seed))
	digest[0] &= 0x3f // below the order of the group
	base, err := bls.SecretKeyFromBytes(digest[:])
	return Keys{base}, err
}

// Secret is secret key number n.
func (k Keys) Secret(n uint64) *bls.SecretKey { return k.base.Mul(n + 1) }

// Pubkeys is public keys number first and following, one addition each.
func (k Keys) Pubkeys(first uint64, n int) []types.BLSPubkey {
	const tile = 1 << 14
	out := make([]types.BLSPubkey, n)
	step := k.base.PublicKey()
	parallel((n+tile-1)/tile, func(t int) {
		part := out[t*tile : min((t+1)*tile, n)]
		for i, point := range bls.KeyProgression(k.Secret(first+uint64(t*tile)).PublicKey(), step, len(part)) {
			part[i] = point.Bytes()
		}
	})
	return out
}

// sum collects signers; a number may come several times.
type sum struct{ multiple uint64 }

func (s *sum) add(n uint64) { s.multiple += n + 1 }

// sign is the aggregate of the signatures of all signers of a sum, at least one.
func (k Keys) sign(s sum, root types.Root) types.BLSSignature {
	return k.base.Mul(s.multiple).Sign(root[:]).Bytes()
}

// signOne is the signature of key number n.
func (k Keys) signOne(n uint64, root types.Root) types.BLSSignature {
	var one sum
	one.add(n)
	return k.sign(one, root)
}

// KeyFile is where the decompressed keys of a seed are kept in the user's cache directory, which is created.
func KeyFile(seed uint64) (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the user's cache directory: %w", err)
	}
	dir = filepath.Join(dir, "cresset", "synthetic")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("create the cache directory of synthetic keys: %w", err)
	}
	return filepath.Join(dir, fmt.Sprintf("keys-%d.bin", seed)), nil
}

// LoadKeys gives a cache that holds the decompressed keys of a registry, from a file that holds some of them or none. It
// writes those it lacks. What is no file of keys is replaced; the file is closed again.
func LoadKeys(path string, pubkeys []types.BLSPubkey) (*bls.KeyCache, error) {
	cache, err := bls.LoadKeyCache(path)
	if err != nil {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("replace a damaged file of keys: %w", err)
		}
		if cache, err = bls.LoadKeyCache(path); err != nil {
			return nil, err
		}
	}
	plain := make([][48]byte, len(pubkeys))
	for i, key := range pubkeys {
		plain[i] = key
	}
	err = cache.Build(plain)
	return cache, errors.Join(err, cache.Close())
}

// parallel calls f for 0 to n-1 on all cores.
func parallel(n int, f func(i int)) {
	workers := min(n, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				f(i)
			}
		})
	}
	wg.Wait()
}

// SignAll is the aggregate of the signatures of keys, at least one; a number may come several times. It costs one signature.
func (k Keys) SignAll(numbers []uint64, root types.Root) types.BLSSignature {
	var signers sum
	for _, n := range numbers {
		signers.add(n)
	}
	return k.sign(signers, root)
}
