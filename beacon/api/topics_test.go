package api

import (
	"strings"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// The attributes of a payload have the fields of their fork, integers as decimals. Spec: payload_attributes (apis/eventstream/index.yaml).
func TestPayloadAttributesHaveTheFieldsOfTheirFork(t *testing.T) {
	t.Parallel()
	for fork, fields := range map[params.Fork]string{
		params.Bellatrix: "",
		params.Capella:   `,"withdrawals":[{"index":"5","validator_index":"10","address":"0x0000000000000000000000000000000000000000","amount":"15640"}]`,
		params.Electra: `,"withdrawals":[{"index":"5","validator_index":"10","address":"0x0000000000000000000000000000000000000000","amount":"15640"}]` +
			`,"parent_beacon_block_root":"` + types.Root{4}.String() + `"`,
	} {
		event := &PayloadAttributes{
			ProposerIndex: 123, ProposalSlot: 10, ParentBlockNumber: 9, ParentBlockRoot: types.Root{1}, ParentBlockHash: types.Hash32{2},
			Attributes: Attributes{Timestamp: 123456, PrevRandao: types.Bytes32{3}},
		}
		if fork >= params.Capella {
			event.Attributes.Withdrawals = []types.Withdrawal{{Index: 5, ValidatorIndex: 10, Amount: 15640}}
		}
		if fork >= params.Deneb {
			event.Attributes.ParentBeaconBlockRoot = types.Root{4}
		}
		data, err := ssz.MarshalJSON(ssz.Context{Spec: params.Mainnet(), Fork: fork}, ssz.Container(event))
		check(t, err)
		want := `{"proposer_index":"123","proposal_slot":"10","parent_block_number":"9","parent_block_root":"` + types.Root{1}.String() +
			`","parent_block_hash":"` + types.Root{2}.String() + `","payload_attributes":{"timestamp":"123456","prev_randao":"` + types.Root{3}.String() +
			`","suggested_fee_recipient":"0x0000000000000000000000000000000000000000"` + fields + "}}"
		if have := strings.TrimSpace(string(data)); have != want {
			t.Errorf("%v: have %s\nwant %s", fork, have, want)
		}
	}
}
