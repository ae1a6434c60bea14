package protection

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/cresset/cresset/beacon/types"
)

// Kind is a kind of message that can get its signer slashed.
type Kind uint8

// The kinds.
const (
	KindBlock Kind = iota + 1
	KindAttestation
)

// String names the kind.
func (k Kind) String() string {
	switch k {
	case KindBlock:
		return "block"
	case KindAttestation:
		return "attestation"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Block asks for the permit to sign a block.
type Block struct {
	Key         types.BLSPubkey
	Slot        types.Slot
	SigningRoot types.Root
}

// Attestation asks for the permit to sign an attestation.
type Attestation struct {
	Key            types.BLSPubkey
	Source, Target types.Epoch
	SigningRoot    types.Root
}

// ErrSlashable is what errors.Is finds where a signature could be slashed.
var ErrSlashable = errors.New("refused by slashing protection")

// ErrNotRegistered is what errors.Is finds where a key is not in the database.
var ErrNotRegistered = errors.New("key is not registered with slashing protection")

// Permit says that one message of one key was recorded durably. It is good for one signature.
type Permit struct {
	kind        Kind
	key         types.BLSPubkey
	signingRoot types.Root
	used        atomic.Bool
}

// Use spends the permit for a message. It fails for any other message than the permit was given for, and a second time.
func (p *Permit) Use(kind Kind, key types.BLSPubkey, signingRoot types.Root) error {
	switch {
	case p == nil || p.kind == 0:
		return errors.New("there is no permit of slashing protection")
	case p.kind != kind:
		return fmt.Errorf("permit is for a message of kind %v, not %v", p.kind, kind)
	case p.key != key:
		return fmt.Errorf("permit is for key %v, not %v", p.key, key)
	case p.signingRoot != signingRoot:
		return fmt.Errorf("permit is for signing root %v, not %v", p.signingRoot, signingRoot)
	case p.used.Swap(true):
		return fmt.Errorf("permit for the %v with signing root %v has been used already", kind, signingRoot)
	}
	return nil
}

// Verdict is the answer to one request of a batch: a permit or the reason why there is none.
type Verdict struct {
	Permit *Permit
	Err    error
}

// block checks a block against what was signed and records it.
func (m *Mark) block(b Block) error {
	if m.HasBlock && b.Slot <= m.Slot {
		if b.Slot == m.Slot && m.BlockRoot != nil && *m.BlockRoot == b.SigningRoot {
			return nil
		}
		return fmt.Errorf("%w: block at slot %d with signing root %v, a block at slot %d with signing root %s was signed",
			ErrSlashable, b.Slot, b.SigningRoot, m.Slot, known(m.BlockRoot))
	}
	m.HasBlock, m.Slot, m.BlockRoot = true, b.Slot, &b.SigningRoot
	return nil
}

// attestation checks an attestation against what was signed and records it.
func (m *Mark) attestation(a Attestation) error {
	if a.Source > a.Target {
		return fmt.Errorf("%w: attestation from source %d to target %d goes backwards", ErrSlashable, a.Source, a.Target)
	}
	if m.HasAttestation {
		switch {
		case a.Target == m.Target && m.AttestationRoot != nil && *m.AttestationRoot == a.SigningRoot:
			return nil
		case a.Target <= m.Target:
			return fmt.Errorf("%w: attestation to target %d with signing root %v, one to target %d with signing root %s was signed",
				ErrSlashable, a.Target, a.SigningRoot, m.Target, known(m.AttestationRoot))
		case a.Source < m.Source:
			return fmt.Errorf("%w: attestation from source %d to target %d could surround one that was signed, the highest source is %d",
				ErrSlashable, a.Source, a.Target, m.Source)
		}
	}
	m.HasAttestation, m.Source, m.Target, m.AttestationRoot = true, a.Source, a.Target, &a.SigningRoot
	return nil
}

func known(root *types.Root) string {
	if root == nil {
		return "unknown"
	}
	return root.String()
}
