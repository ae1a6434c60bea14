package subnets

import (
	"iter"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// GetValidatorsCustodyRequirement is how many custody groups a node with validators has to keep. Validators that the state does not have count
// nothing. Spec: get_validators_custody_requirement (fulu).
func GetValidatorsCustodyRequirement(spec *params.Spec, s transition.Frozen, validators iter.Seq[types.ValidatorIndex]) uint64 {
	total := uint64(0)
	for i := range validators {
		v, ok := s.Validator(i)
		if !ok {
			continue
		}
		if total += uint64(v.EffectiveBalance); total < uint64(v.EffectiveBalance) {
			return spec.NumberOfCustodyGroups // more than all Gwei that there can be
		}
	}
	count := total / uint64(spec.BalancePerAdditionalCustodyGroup)
	return min(max(count, spec.ValidatorCustodyRequirement), spec.NumberOfCustodyGroups)
}
