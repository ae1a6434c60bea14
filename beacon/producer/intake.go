package producer

import (
	"github.com/cresset/cresset/beacon/pool"
	"github.com/cresset/cresset/gossip"
)

// Intake puts into the pool what gossip's rules have accepted, of whatever origin. It implements router.Pool.
type Intake struct{ Pool *pool.Pool }

// Insert implements router.Pool. What no block carries is passed over.
func (in Intake) Insert(checked gossip.Checked) {
	p := in.Pool
	switch c := checked.(type) {
	case *gossip.CheckedAttestation:
		seat := c.Seat()
		p.InsertVote(pool.Vote{
			Data: c.Data(), Committee: seat.Committee, Position: seat.Position, Size: seat.Size, Attester: c.Attester(), Signature: c.Signature(),
		})
	case *gossip.CheckedAggregate:
		a := &c.Signed().Message.Aggregate
		p.InsertAggregate(pool.Aggregate{
			Data: &a.Data, Committee: c.Committee(), Bits: a.AggregationBits, Attesting: c.Attesting(), Signature: a.Signature,
		})
	case *gossip.CheckedAttesterSlashing:
		p.InsertAttesterSlashing(c.Slashing())
	case *gossip.CheckedProposerSlashing:
		p.InsertProposerSlashing(c.Slashing())
	case *gossip.CheckedExit:
		p.InsertVoluntaryExit(c.Signed())
	case *gossip.CheckedBLSChange:
		p.InsertBLSToExecutionChange(c.Signed())
	case *gossip.CheckedSyncMessage:
		p.InsertSyncMessage(c.Message(), c.Subnet(), c.Positions())
	case *gossip.CheckedContribution:
		p.InsertContribution(&c.Signed().Message.Contribution)
	case *gossip.CheckedPayloadAttestation:
		p.InsertPayloadVote(c.Message(), c.Positions())
	}
}
