package devnet

import (
	"crypto/sha256"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// What some validators are for, by their index. Those below have BLS credentials; nobody else is touched by the traffic.
const (
	changing     = 0  // gets new credentials by a BLS change
	exiting      = 16 // leaves by a voluntary exit
	withdrawing  = 17 // leaves by a full withdrawal request
	proposerLoss = 18 // sacrificed: two headers for one slot
	attesterLoss = 19 // sacrificed: two votes for one target
	partial      = 48 // withdraws what it has above 32 ETH
	source       = 49 // is consolidated into target
	target       = 50
)

// The kinds of credentials: the first quarter has BLS keys, the last quarter compounding accounts, who is between plain accounts.
const leastValidators = 64

// kind of withdrawal credentials of a genesis validator.
func prefix(i int) byte {
	switch {
	case i < leastValidators/4:
		return params.BLSWithdrawalPrefix
	case i >= leastValidators*3/4 && i < leastValidators:
		return params.CompoundingWithdrawalPrefix
	}
	return params.Eth1AddressWithdrawalPrefix
}

// genesisBalance is what a validator has at genesis; who withdraws a part has more than it needs.
func genesisBalance(spec *params.Spec, i int) types.Gwei {
	if i == partial {
		return spec.MinActivationBalance + 4*params.EthToGwei
	}
	return spec.MinActivationBalance
}

// credentials of a genesis validator.
func credentials(keys validatorKeys, i int, account types.ExecutionAddress) (c types.Bytes32) {
	kind := prefix(i)
	if kind == params.BLSWithdrawalPrefix {
		key := keys.withdrawal.PublicKey().Bytes()
		c = sha256.Sum256(key[:])
	} else {
		copy(c[12:], account[:])
	}
	c[0] = kind
	return c
}
