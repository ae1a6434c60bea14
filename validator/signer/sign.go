package signer

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/validator/protection"
)

// Result is a signature, or why there is none.
type Result struct {
	Signature types.BLSSignature
	Err       error
}

// Request asks for a signature of a message that nobody is slashed for.
type Request struct {
	Key     types.BLSPubkey
	Message Message
}

// AttestationRequest asks for the signature of an attestation.
type AttestationRequest struct {
	Key    types.BLSPubkey
	Data   *types.AttestationData
	Permit *protection.Permit
}

// Sign signs a message that nobody is slashed for.
func (s *Signer) Sign(info ForkInfo, key types.BLSPubkey, m Message) (types.BLSSignature, error) {
	root, err := m.signingRoot(s, info)
	if err != nil {
		return types.BLSSignature{}, err
	}
	return s.sign(key, root)
}

// SignBatch signs many messages in parallel. There is a result for each, in order.
func (s *Signer) SignBatch(info ForkInfo, batch []Request) []Result {
	return s.parallel(len(batch), func(i int) (types.BLSSignature, error) {
		return s.Sign(info, batch[i].Key, batch[i].Message)
	})
}

// SignBlock signs a block that the permit is for, and spends the permit.
func (s *Signer) SignBlock(info ForkInfo, key types.BLSPubkey, block *types.BeaconBlock, permit *protection.Permit) (types.BLSSignature, error) {
	root, err := s.BlockRoot(info, block)
	if err != nil {
		return types.BLSSignature{}, err
	}
	return s.signPermitted(protection.KindBlock, key, root, permit)
}

// SignAttestation signs an attestation that the permit is for, and spends the permit.
func (s *Signer) SignAttestation(info ForkInfo, key types.BLSPubkey, data *types.AttestationData, permit *protection.Permit) (types.BLSSignature, error) {
	root, err := s.AttestationRoot(info, data)
	if err != nil {
		return types.BLSSignature{}, err
	}
	return s.signPermitted(protection.KindAttestation, key, root, permit)
}

// SignAttestations signs many attestations in parallel. There is a result for each, in order.
func (s *Signer) SignAttestations(info ForkInfo, batch []AttestationRequest) []Result {
	return s.parallel(len(batch), func(i int) (types.BLSSignature, error) {
		return s.SignAttestation(info, batch[i].Key, batch[i].Data, batch[i].Permit)
	})
}

// signPermitted spends the permit only when the signature will be made.
func (s *Signer) signPermitted(kind protection.Kind, key types.BLSPubkey, root types.Root, permit *protection.Permit) (types.BLSSignature, error) {
	if !s.Has(key) {
		return types.BLSSignature{}, fmt.Errorf("%w: %v", ErrUnknownKey, key)
	}
	if err := permit.Use(kind, key, root); err != nil {
		return types.BLSSignature{}, err
	}
	return s.sign(key, root)
}

func (s *Signer) sign(key types.BLSPubkey, root types.Root) (types.BLSSignature, error) {
	secret := s.secret(key)
	if secret == nil {
		return types.BLSSignature{}, fmt.Errorf("%w: %v", ErrUnknownKey, key)
	}
	return secret.Sign(root[:]).Bytes(), nil
}

// parallel calls f for 0 to n-1 on a bounded number of goroutines.
func (s *Signer) parallel(n int, f func(int) (types.BLSSignature, error)) []Result {
	results := make([]Result, n)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(s.cfg.Workers, n) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				results[i].Signature, results[i].Err = f(i)
			}
		})
	}
	wg.Wait()
	return results
}
