package devnet

import (
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/ethereum/go-ethereum/crypto"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// contracts is what the execution layer begins with besides accounts: the deposit contract, and those of EIP-2935, 4788, 7002 and 7251.
//
//go:embed contracts.json
var contracts []byte

// gasLimit of the first execution block.
const gasLimit = 60_000_000

// accounts is how many accounts have money. The first is who validators withdraw to.
const accounts = 4

// accountKey is the secret key of an account: the hash of its name.
func accountKey(i int) []byte { return crypto.Keccak256(fmt.Appendf(nil, "devnet-account-%d", i)) }

// accountAddress is the address of an account.
func accountAddress(i int) (types.ExecutionAddress, error) {
	key, err := crypto.ToECDSA(accountKey(i))
	if err != nil {
		return types.ExecutionAddress{}, fmt.Errorf("key of account %d: %w", i, err)
	}
	return types.ExecutionAddress(crypto.PubkeyToAddress(key.PublicKey)), nil
}

// blobLimits is an entry of geth's blobSchedule. The fraction lets the fee grow by an eighth when a block is full (EIP-7691).
type blobLimits struct {
	Target   uint64 `json:"target"`
	Max      uint64 `json:"max"`
	Fraction uint64 `json:"baseFeeUpdateFraction"`
}

// limitsOf is what EIP-7691 and EIP-7892 have for a maximum: target of two thirds from Prague on, of half before.
func limitsOf(most uint64, fork params.Fork) blobLimits {
	if fork < params.Electra {
		return blobLimits{Target: most / 2, Max: most, Fraction: 3338477}
	}
	return blobLimits{Target: most * 2 / 3, Max: most, Fraction: 5007716 * most / 9}
}

// executionGenesis is geth's genesis file for a network that begins at a time (Unix seconds).
func executionGenesis(spec *params.Spec, time uint64) ([]byte, error) {
	config := map[string]any{
		"chainId": spec.DepositChainId, "terminalTotalDifficulty": 0, "depositContractAddress": spec.DepositContractAddress.String(),
		"shanghaiTime": time,
	}
	for _, fork := range []string{
		"homestead", "eip150", "eip155", "eip158", "byzantium", "constantinople", "petersburg", "istanbul", "muirGlacier", "berlin", "london",
		"arrowGlacier", "grayGlacier",
	} {
		config[fork+"Block"] = 0
	}
	config["mergeNetsplitBlock"] = 0
	at := func(epoch params.Epoch) uint64 {
		return time + uint64(epoch)*uint64(spec.SlotsPerEpoch)*uint64(spec.SlotDuration().Seconds())
	}
	schedule := map[string]blobLimits{}
	for _, f := range []struct {
		fork params.Fork
		name string
	}{{params.Deneb, "cancun"}, {params.Electra, "prague"}, {params.Fulu, "osaka"}} {
		epoch := spec.ForkEpoch(f.fork)
		if epoch == params.FarFutureEpoch {
			continue
		}
		config[f.name+"Time"] = at(epoch)
		most := spec.MaxBlobsPerBlock
		if f.fork >= params.Electra {
			most = spec.MaxBlobsPerBlockElectra
		}
		schedule[f.name] = limitsOf(most, f.fork)
	}
	for i, entry := range spec.BlobSchedule {
		if spec.ForkEpoch(params.Fulu) == params.FarFutureEpoch {
			break
		}
		if i == 5 {
			return nil, fmt.Errorf("the blob schedule has %d entries, want at most 5: geth knows no more", len(spec.BlobSchedule))
		}
		name := fmt.Sprintf("bpo%d", i+1)
		config[name+"Time"] = at(max(entry.Epoch, spec.ForkEpoch(params.Fulu)))
		schedule[name] = limitsOf(entry.MaxBlobsPerBlock, params.Fulu)
	}
	config["blobSchedule"] = schedule
	alloc := map[string]json.RawMessage{}
	if err := json.Unmarshal(contracts, &alloc); err != nil {
		return nil, fmt.Errorf("contracts of genesis: %w", err)
	}
	for i := range accounts {
		address, err := accountAddress(i)
		if err != nil {
			return nil, err
		}
		alloc[hex.EncodeToString(address[:])] = json.RawMessage(`{"balance": "0x152d02c7e14af6800000"}`) // 100,000 ETH
	}
	return json.MarshalIndent(map[string]any{
		"config": config, "alloc": alloc, "timestamp": fmt.Sprintf("0x%x", time), "gasLimit": fmt.Sprintf("0x%x", gasLimit),
		"difficulty": "0x0", "nonce": "0x0", "extraData": "0x", "coinbase": "0x0000000000000000000000000000000000000000",
		"mixHash": types.Hash32{}.String(), "baseFeePerGas": "0x3b9aca00",
	}, "", "  ")
}
