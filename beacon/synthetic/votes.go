package synthetic

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// Vote is a validator's own vote, as it travels, and the subnet that it travels on.
type Vote struct {
	types.SingleAttestation
	Subnet uint64
}

// Votes is the votes of all members of the committees of a slot for the same data, and what they have signed. The signatures are made on all cores, 31 thousand
// in some ten seconds.
func (c *Chain) Votes(shuffling *transition.Shuffling, genesisValidatorsRoot types.Root, data types.AttestationData) ([]Vote, types.Root) {
	domain := types.ComputeDomain(params.DomainBeaconAttester(), c.spec.ComputeForkVersion(data.Target.Epoch), genesisValidatorsRoot)
	root := types.ComputeSigningRoot(types.HashTreeRoot(&data), domain)
	var votes []Vote
	for i := range types.CommitteeIndex(shuffling.CommitteesPerSlot) {
		subnet := types.ComputeSubnetForAttestation(c.spec, shuffling.CommitteesPerSlot, data.Slot, i)
		for _, member := range shuffling.Committee(data.Slot, i) {
			votes = append(votes, Vote{types.SingleAttestation{CommitteeIndex: i, AttesterIndex: types.ValidatorIndex(member), Data: data}, subnet})
		}
	}
	parallel(len(votes), func(i int) { votes[i].Signature = c.keys.signOne(uint64(votes[i].AttesterIndex), root) })
	return votes, root
}
