package apiclient

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/cresset/cresset/beacon/types"
)

// largeAnswer bounds answers that are lists of validators' duties: some 250 bytes each.
const largeAnswer = 64 << 20

// pubkey is a public key in hexadecimal.
type pubkey types.BLSPubkey

func (k *pubkey) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	digits, ok := strings.CutPrefix(text, "0x")
	raw, err := hex.DecodeString(digits)
	if !ok || err != nil || len(raw) != len(k) {
		return fmt.Errorf("public key is %.120q, want 0x and 96 hexadecimal digits", text)
	}
	copy(k[:], raw)
	return nil
}

func decimal[N ~uint64](n N) string { return strconv.FormatUint(uint64(n), 10) }

// indexList is a body that is a list of validators.
func indexList(indices []types.ValidatorIndex) []byte {
	out := []byte{'['}
	for i, index := range indices {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(strconv.AppendUint(append(out, '"'), uint64(index), 10), '"')
	}
	return append(out, ']')
}

// AttesterDuty is a seat in a committee.
type AttesterDuty struct {
	Pubkey           types.BLSPubkey
	Validator        types.ValidatorIndex
	Slot             types.Slot
	Committee        types.CommitteeIndex
	CommitteeLength  uint64
	CommitteesAtSlot uint64
	Position         uint64 // in the committee
}

// duties is an answer that depends on a block.
type duties[T any] struct {
	Root *root `json:"dependent_root"`
	Data []T   `json:"data"`
}

// AttesterDuties gives the seats of validators in an epoch's committees, and the root of the block that they depend on. Spec: getAttesterDuties.
func (c *Client) AttesterDuties(ctx context.Context, epoch types.Epoch, indices []types.ValidatorIndex) (types.Root, []AttesterDuty, error) {
	var answer duties[struct {
		Pubkey     pubkey `json:"pubkey"`
		Validator  number `json:"validator_index"`
		Committee  number `json:"committee_index"`
		Length     number `json:"committee_length"`
		Committees number `json:"committees_at_slot"`
		Position   number `json:"validator_committee_index"`
		Slot       number `json:"slot"`
	}]
	path := "/eth/v1/validator/duties/attester/" + decimal(epoch)
	if err := c.ask(ctx, query{method: http.MethodPost, path: path, body: indexList(indices), most: largeAnswer}, &answer); err != nil {
		return types.Root{}, nil, err
	}
	if answer.Root == nil {
		return types.Root{}, nil, fmt.Errorf("%s: dependent_root is missing", path)
	}
	var out []AttesterDuty
	for _, d := range answer.Data {
		out = append(out, AttesterDuty{
			Pubkey: types.BLSPubkey(d.Pubkey), Validator: types.ValidatorIndex(d.Validator), Slot: types.Slot(d.Slot), Committee: types.CommitteeIndex(d.Committee),
			CommitteeLength: uint64(d.Length), CommitteesAtSlot: uint64(d.Committees), Position: uint64(d.Position),
		})
	}
	return types.Root(*answer.Root), out, nil
}

// ProposerDuty is a slot with its proposer.
type ProposerDuty struct {
	Pubkey    types.BLSPubkey
	Validator types.ValidatorIndex
	Slot      types.Slot
}

// ProposerDuties gives the proposers of an epoch, and the root of the block that they depend on. A server without the second version of the route is asked for
// the first, whose root is another one: the last block before the epoch. Spec: getProposerDutiesV2, getProposerDuties.
func (c *Client) ProposerDuties(ctx context.Context, epoch types.Epoch) (types.Root, []ProposerDuty, error) {
	var answer duties[struct {
		Pubkey    pubkey `json:"pubkey"`
		Validator number `json:"validator_index"`
		Slot      number `json:"slot"`
	}]
	q := query{method: http.MethodGet, path: "/eth/v2/validator/duties/proposer/" + decimal(epoch), most: largeAnswer}
	err := c.ask(ctx, q, &answer)
	if IsNotFound(err) {
		q.path = "/eth/v1/validator/duties/proposer/" + decimal(epoch)
		err = c.ask(ctx, q, &answer)
	}
	if err != nil {
		return types.Root{}, nil, err
	}
	if answer.Root == nil {
		return types.Root{}, nil, fmt.Errorf("%s: dependent_root is missing", q.path)
	}
	var out []ProposerDuty
	for _, d := range answer.Data {
		out = append(out, ProposerDuty{types.BLSPubkey(d.Pubkey), types.ValidatorIndex(d.Validator), types.Slot(d.Slot)})
	}
	return types.Root(*answer.Root), out, nil
}

// SyncDuty is the seats of a validator in a sync committee.
type SyncDuty struct {
	Pubkey    types.BLSPubkey
	Validator types.ValidatorIndex
	Positions []uint64
}

// SyncDuties gives the seats of validators in the sync committee of an epoch. Spec: getSyncCommitteeDuties.
func (c *Client) SyncDuties(ctx context.Context, epoch types.Epoch, indices []types.ValidatorIndex) ([]SyncDuty, error) {
	var answer duties[struct {
		Pubkey    pubkey   `json:"pubkey"`
		Validator number   `json:"validator_index"`
		Positions []number `json:"validator_sync_committee_indices"`
	}]
	path := "/eth/v1/validator/duties/sync/" + decimal(epoch)
	if err := c.ask(ctx, query{method: http.MethodPost, path: path, body: indexList(indices), most: largeAnswer}, &answer); err != nil {
		return nil, err
	}
	var out []SyncDuty
	for _, d := range answer.Data {
		duty := SyncDuty{Pubkey: types.BLSPubkey(d.Pubkey), Validator: types.ValidatorIndex(d.Validator)}
		for _, p := range d.Positions {
			duty.Positions = append(duty.Positions, uint64(p))
		}
		out = append(out, duty)
	}
	return out, nil
}

// Validators gives those of some public keys that a state knows. Spec: postStateValidators.
func (c *Client) Validators(ctx context.Context, state string, keys []types.BLSPubkey) ([]ValidatorOf, error) {
	ids := make([]string, len(keys))
	for i, key := range keys {
		ids[i] = key.String()
	}
	body, err := json.Marshal(map[string][]string{"ids": ids})
	if err != nil {
		return nil, err
	}
	var answer duties[struct {
		Index     *number               `json:"index"`
		Status    types.ValidatorStatus `json:"status"`
		Validator struct {
			Pubkey      *pubkey `json:"pubkey"`
			Credentials *root   `json:"withdrawal_credentials"`
		} `json:"validator"`
	}]
	path := "/eth/v1/beacon/states/" + state + "/validators"
	if err := c.ask(ctx, query{method: http.MethodPost, path: path, body: body, most: largeAnswer}, &answer); err != nil {
		return nil, err
	}
	var out []ValidatorOf
	for _, v := range answer.Data {
		if v.Index == nil || v.Validator.Pubkey == nil || v.Validator.Credentials == nil {
			return nil, fmt.Errorf("%s: index, pubkey or withdrawal_credentials are missing", path)
		}
		out = append(out, ValidatorOf{types.ValidatorIndex(*v.Index), v.Status, types.BLSPubkey(*v.Validator.Pubkey), types.Bytes32(*v.Validator.Credentials)})
	}
	return out, nil
}

// CommitteeSubscription asks for the subnet of a committee.
type CommitteeSubscription struct {
	Validator        types.ValidatorIndex
	Committee        types.CommitteeIndex
	CommitteesAtSlot uint64
	Slot             types.Slot
	Aggregator       bool
}

// SubscribeCommittees asks for subnets of committees. Spec: prepareBeaconCommitteeSubnet.
func (c *Client) SubscribeCommittees(ctx context.Context, subscriptions []CommitteeSubscription) error {
	type entry struct {
		Validator  string `json:"validator_index"`
		Committee  string `json:"committee_index"`
		Committees string `json:"committees_at_slot"`
		Slot       string `json:"slot"`
		Aggregator bool   `json:"is_aggregator"`
	}
	list := make([]entry, len(subscriptions))
	for i, s := range subscriptions {
		list[i] = entry{decimal(s.Validator), decimal(s.Committee), decimal(s.CommitteesAtSlot), decimal(s.Slot), s.Aggregator}
	}
	return c.postJSON(ctx, "/eth/v1/validator/beacon_committee_subscriptions", list)
}

// SubscribeSync asks for the subnets of seats in the sync committee, until an epoch. Spec: prepareSyncCommitteeSubnets.
func (c *Client) SubscribeSync(ctx context.Context, seats []SyncDuty, until types.Epoch) error {
	type entry struct {
		Validator string   `json:"validator_index"`
		Positions []string `json:"sync_committee_indices"`
		Until     string   `json:"until_epoch"`
	}
	list := make([]entry, len(seats))
	for i, s := range seats {
		list[i] = entry{Validator: decimal(s.Validator), Until: decimal(until)}
		for _, p := range s.Positions {
			list[i].Positions = append(list[i].Positions, decimal(p))
		}
	}
	return c.postJSON(ctx, "/eth/v1/validator/sync_committee_subscriptions", list)
}

// Preparation says where the fees of a validator's blocks go.
type Preparation struct {
	Validator types.ValidatorIndex
	Recipient types.ExecutionAddress
}

// PrepareProposers says where fees go. Spec: prepareBeaconProposer.
func (c *Client) PrepareProposers(ctx context.Context, preparations []Preparation) error {
	type entry struct {
		Validator string `json:"validator_index"`
		Recipient string `json:"fee_recipient"`
	}
	list := make([]entry, len(preparations))
	for i, p := range preparations {
		list[i] = entry{decimal(p.Validator), p.Recipient.String()}
	}
	return c.postJSON(ctx, "/eth/v1/validator/prepare_beacon_proposer", list)
}

func (c *Client) postJSON(ctx context.Context, path string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.post(ctx, path, body)
}
