package api

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// pooled is the operations that a function takes out of the pool; none where nothing is pooled.
func pooled[T any](c *call, list func(Pool) []*T) []*T {
	if c.n.Pool == nil {
		return nil
	}
	return list(c.n.Pool)
}

// list answers with operations in the form of a fork.
func list[T any, P interface {
	*T
	ssz.Object
}](c *call, m meta, fork params.Fork, operations []*T) error {
	cx := c.context(fork)
	return c.stream(m, func(out *ssz.Stream) error {
		separator := "["
		for _, o := range operations {
			if err := out.Text(separator); err != nil {
				return err
			}
			separator = ","
			if err := out.JSON(cx, ssz.Container(P(o))); err != nil {
				return err
			}
		}
		return closeList(out, separator[0])
	})
}

// fork is the fork of the present slot.
func (c *call) fork() params.Fork {
	return c.s.cfg.Spec.ForkAtSlot(c.n.Chain.Clock().CurrentSlot())
}

// sameForm tells whether attestations of two forks look alike.
func sameForm(a, b params.Fork) bool { return (a >= params.Electra) == (b >= params.Electra) }

// poolAttestations answers with attestations that are not in a block yet. Of those of before and after Electra, which look different, it gives the
// ones in the form of the present fork. Spec: getPoolAttestationsV2.
func (c *call) poolAttestations() error {
	slot, bySlot, err := c.number("slot")
	if err != nil {
		return err
	}
	committee, byCommittee, err := c.number("committee_index")
	if err != nil {
		return err
	}
	if !bySlot {
		if err := c.turn(); err != nil {
			return err
		}
	}
	fork := c.fork()
	votes := pooled(c, func(p Pool) []*types.Attestation {
		return p.Attestations(func(data *types.AttestationData, of types.CommitteeIndex) bool {
			return sameForm(c.s.cfg.Spec.ForkAtSlot(data.Slot), fork) && (!bySlot || uint64(data.Slot) == slot) && (!byCommittee || uint64(of) == committee)
		})
	})
	return list(c, withFork(fork), fork, votes)
}

// poolAttesterSlashings answers with attester slashings. Spec: getPoolAttesterSlashingsV2.
func (c *call) poolAttesterSlashings() error {
	fork := c.fork()
	return list(c, withFork(fork), fork, pooled(c, Pool.AttesterSlashings))
}

// poolProposerSlashings answers with proposer slashings. Spec: getPoolProposerSlashings.
func (c *call) poolProposerSlashings() error {
	return list(c, meta{}, c.fork(), pooled(c, Pool.ProposerSlashings))
}

// poolVoluntaryExits answers with voluntary exits. Spec: getPoolVoluntaryExits.
func (c *call) poolVoluntaryExits() error {
	return list(c, meta{}, c.fork(), pooled(c, Pool.VoluntaryExits))
}

// poolBLSToExecutionChanges answers with changes of credentials. Spec: getPoolBLSToExecutionChanges.
func (c *call) poolBLSToExecutionChanges() error {
	return list(c, meta{}, c.fork(), pooled(c, Pool.BLSToExecutionChanges))
}

// poolPayloadAttestations answers with votes on payloads. Spec: getPoolPayloadAttestations (gloas).
func (c *call) poolPayloadAttestations() error {
	slot, bySlot, err := c.number("slot")
	if err != nil {
		return err
	}
	votes := []*types.PayloadAttestation{}
	for _, a := range pooled(c, Pool.PayloadAttestations) {
		if !bySlot || a.Data.Slot == types.Slot(slot) {
			votes = append(votes, a)
		}
	}
	if c.media != mediaSSZ {
		return list(c, withFork(params.Gloas), params.Gloas, votes)
	}
	cx := c.context(params.Gloas) // an attestation has a fixed size: a list is one after the other
	return c.octets(withFork(params.Gloas), func(out *ssz.Stream) error {
		for _, a := range votes {
			if err := out.SSZ(cx, ssz.Container(a)); err != nil {
				return err
			}
		}
		return nil
	})
}
