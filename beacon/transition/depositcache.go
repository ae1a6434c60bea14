package transition

import (
	"errors"
	"sync"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// depositsKept bounds the cache of deposit signatures: three of the queue with which public testnets entered Gloas. An
// entry takes some 60 bytes.
const depositsKept = 1 << 17

// depositBatch is how many deposit signatures are verified in one batch. The key of each has to be decompressed, which
// costs as much as the rest, so larger batches gain nothing.
const depositBatch = 1024

// DepositCache remembers which deposits bear a valid signature. It may be used by many goroutines.
type DepositCache struct {
	mu struct {
		sync.Mutex
		verdicts map[depositKey]bool
		order    []depositKey // a ring of the entries, oldest at next
		next     int
	}
}

// depositKey is the root of the deposit's data under the root of its domain.
type depositKey [32]byte

// NewDepositCache makes an empty cache.
func NewDepositCache() *DepositCache {
	c := &DepositCache{}
	c.mu.verdicts = map[depositKey]bool{}
	return c
}

func (c *DepositCache) get(key depositKey) (valid, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	valid, known = c.mu.verdicts[key]
	return valid, known
}

func (c *DepositCache) put(key depositKey, valid bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.mu.verdicts[key]; known {
		return
	}
	c.mu.verdicts[key] = valid
	if len(c.mu.order) < depositsKept {
		c.mu.order = append(c.mu.order, key)
		return
	}
	delete(c.mu.verdicts, c.mu.order[c.mu.next])
	c.mu.order[c.mu.next] = key
	c.mu.next = (c.mu.next + 1) % depositsKept
}

// depositDomain is the domain of deposits: that of the genesis fork, as they are valid across all forks.
func depositDomain(spec *params.Spec, kind types.DomainType) types.Domain {
	return types.ComputeDomain(kind, spec.GenesisForkVersion, types.Root{})
}

// IsValidDepositSignature tells whether a validator's deposit bears the signature of its key.
// Spec: is_valid_deposit_signature (phase0 as part of apply_deposit; electra).
func IsValidDepositSignature(s *State, d types.DepositData) bool {
	return VerifyDepositSignatures(s.Spec(), s.env, params.DomainDeposit(), []types.DepositData{d})[0]
}

// VerifyDepositSignatures tells for each deposit whether it bears its key's signature under a domain type
// (DOMAIN_DEPOSIT or DOMAIN_BUILDER_DEPOSIT). Each is verified once, in batches, and remembered; a caller that sees a long
// queue coming may call this ahead of time. Keys are read from and not added to the key cache.
func VerifyDepositSignatures(spec *params.Spec, env *Env, kind types.DomainType, deposits []types.DepositData) []bool {
	verdicts := make([]bool, len(deposits))
	keys := make([]depositKey, len(deposits))
	domain := depositDomain(spec, kind)
	var open []int
	for i := range deposits {
		keys[i] = depositKey(types.ComputeSigningRoot(types.HashTreeRoot(&deposits[i]), domain))
		if valid, known := env.Deposits.get(keys[i]); known {
			verdicts[i] = valid
		} else {
			open = append(open, i)
		}
	}
	for len(open) > 0 {
		n := min(depositBatch, len(open))
		verifyDeposits(env, domain, deposits, open[:n], verdicts)
		for _, i := range open[:n] {
			env.Deposits.put(keys[i], verdicts[i])
		}
		open = open[n:]
	}
	return verdicts
}

// verifyDeposits fills the verdicts of the chosen deposits.
func verifyDeposits(env *Env, domain types.Domain, deposits []types.DepositData, chosen []int, verdicts []bool) {
	points := make([]*bls.PublicKey, len(chosen))
	_ = onAllCores(len(chosen), func(k int) error {
		// A key that is no point makes the deposit invalid, as any wrong signature does.
		if point, err := env.Keys.PublicKeyOf(deposits[chosen[k]].Pubkey); err == nil {
			points[k] = point
		}
		return nil
	})
	var sets []bls.Set
	var of []int
	for k, i := range chosen {
		if points[k] == nil {
			continue
		}
		d := &deposits[i]
		message := types.DepositMessage{Pubkey: d.Pubkey, WithdrawalCredentials: d.WithdrawalCredentials, Amount: d.Amount}
		root := types.ComputeSigningRoot(types.HashTreeRoot(&message), domain)
		sets = append(sets, bls.Set{Keys: []*bls.PublicKey{points[k]}, Message: root, Signature: d.Signature})
		of = append(of, i)
		verdicts[i] = true
	}
	var wrong *bls.BatchError
	if errors.As(bls.VerifyBatch(sets), &wrong) {
		for _, k := range wrong.Culprits {
			verdicts[of[k]] = false
		}
	}
}
