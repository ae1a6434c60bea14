package signer

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cresset/cresset/beacon/bls"
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
	return s.one(info, new(hashed), key, m)
}

func (s *Signer) one(info ForkInfo, h *hashed, key types.BLSPubkey, m Message) (types.BLSSignature, error) {
	root, err := m.signingRoot(s, info)
	if err != nil {
		return types.BLSSignature{}, err
	}
	return s.sign(h, key, root)
}

// SignBatch signs many messages in parallel. There is a result for each, in order.
func (s *Signer) SignBatch(info ForkInfo, batch []Request) []Result {
	return s.parallel(len(batch), func(h *hashed, i int) (types.BLSSignature, error) {
		return s.one(info, h, batch[i].Key, batch[i].Message)
	})
}

// SignBlock signs a block that the permit is for, and spends the permit.
func (s *Signer) SignBlock(info ForkInfo, key types.BLSPubkey, block *types.BeaconBlock, permit *protection.Permit) (types.BLSSignature, error) {
	root, err := s.BlockRoot(info, block)
	if err != nil {
		return types.BLSSignature{}, err
	}
	return s.signPermitted(new(hashed), protection.KindBlock, key, root, permit)
}

// SignAttestation signs an attestation that the permit is for, and spends the permit.
func (s *Signer) SignAttestation(info ForkInfo, key types.BLSPubkey, data *types.AttestationData, permit *protection.Permit) (types.BLSSignature, error) {
	return s.attestation(info, new(hashed), AttestationRequest{key, data, permit})
}

func (s *Signer) attestation(info ForkInfo, h *hashed, r AttestationRequest) (types.BLSSignature, error) {
	root, err := s.AttestationRoot(info, r.Data)
	if err != nil {
		return types.BLSSignature{}, err
	}
	return s.signPermitted(h, protection.KindAttestation, r.Key, root, r.Permit)
}

// SignAttestations signs many attestations in parallel. There is a result for each, in order.
func (s *Signer) SignAttestations(info ForkInfo, batch []AttestationRequest) []Result {
	return s.parallel(len(batch), func(h *hashed, i int) (types.BLSSignature, error) { return s.attestation(info, h, batch[i]) })
}

// signPermitted spends the permit only when the signature will be made.
func (s *Signer) signPermitted(h *hashed, kind protection.Kind, key types.BLSPubkey, root types.Root, permit *protection.Permit) (types.BLSSignature, error) {
	if !s.Has(key) {
		return types.BLSSignature{}, fmt.Errorf("%w: %v", ErrUnknownKey, key)
	}
	if err := permit.Use(kind, key, root); err != nil {
		return types.BLSSignature{}, err
	}
	return s.sign(h, key, root)
}

func (s *Signer) sign(h *hashed, key types.BLSPubkey, root types.Root) (types.BLSSignature, error) {
	secret := s.secret(key)
	if secret == nil {
		return types.BLSSignature{}, fmt.Errorf("%w: %v", ErrUnknownKey, key)
	}
	return secret.SignHashed(h.message(root)).Bytes(), nil
}

// hashed is the messages of a batch, hashed to the curve: most votes of a slot are the same, and hashing is the larger part of a signature.
type hashed struct {
	messages sync.Map // of func() *bls.Message, by root
}

// message hashes a root that is asked for by many once; the others wait for it.
func (h *hashed) message(root types.Root) *bls.Message {
	once, ok := h.messages.Load(root)
	if !ok {
		once, _ = h.messages.LoadOrStore(root, sync.OnceValue(func() *bls.Message { return bls.HashMessage(root[:]) }))
	}
	return once.(func() *bls.Message)()
}

// parallel calls f for 0 to n-1 on a bounded number of goroutines.
func (s *Signer) parallel(n int, f func(*hashed, int) (types.BLSSignature, error)) []Result {
	results := make([]Result, n)
	var h hashed
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(s.cfg.Workers, n) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				results[i].Signature, results[i].Err = f(&h, i)
			}
		})
	}
	wg.Wait()
	return results
}
