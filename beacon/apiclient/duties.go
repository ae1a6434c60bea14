package apiclient

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

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

// AttesterDuties gives the seats of validators in an epoch's committees, at most one each, and the root of the block that they depend on. Spec: getAttesterDuties.
func (c *Client) AttesterDuties(ctx context.Context, epoch types.Epoch, indices []types.ValidatorIndex) (types.Root, []AttesterDuty, error) {
	type entry struct {
		Pubkey     *pubkey `json:"pubkey"`
		Validator  *number `json:"validator_index"`
		Committee  *number `json:"committee_index"`
		Length     *number `json:"committee_length"`
		Committees *number `json:"committees_at_slot"`
		Position   *number `json:"validator_committee_index"`
		Slot       *number `json:"slot"`
	}
	q := query{method: http.MethodPost, path: "/eth/v1/validator/duties/attester/" + decimal(epoch), body: indexList(indices)}
	data, dependent, err := askList[entry](ctx, c, q, len(indices))
	if err != nil {
		return types.Root{}, nil, err
	}
	if dependent == nil {
		return types.Root{}, nil, fmt.Errorf("%s: dependent_root is missing", q.path)
	}
	var out []AttesterDuty
	left := await(indices)
	for _, d := range data {
		if d.Pubkey == nil || slices.Contains([]*number{d.Validator, d.Committee, d.Length, d.Committees, d.Position, d.Slot}, nil) {
			return types.Root{}, nil, fmt.Errorf("%s: a duty lacks a field", q.path)
		}
		if err := left.take(types.ValidatorIndex(*d.Validator)); err != nil {
			return types.Root{}, nil, fmt.Errorf("%s: duty of validator %w", q.path, err)
		}
		out = append(out, AttesterDuty{
			Pubkey: types.BLSPubkey(*d.Pubkey), Validator: types.ValidatorIndex(*d.Validator), Slot: types.Slot(*d.Slot), Committee: types.CommitteeIndex(*d.Committee),
			CommitteeLength: uint64(*d.Length), CommitteesAtSlot: uint64(*d.Committees), Position: uint64(*d.Position),
		})
	}
	return types.Root(*dependent), out, nil
}

// ProposerDuty is a slot with its proposer.
type ProposerDuty struct {
	Pubkey    types.BLSPubkey
	Validator types.ValidatorIndex
	Slot      types.Slot
}

// ProposerDuties gives the proposers of an epoch, at most one a slot, and the root of the block that they depend on: from Fulu on the one that the epoch's
// committees depend on; before it, which is the first version of the route, the last one before the epoch. A server without the second version is asked for the
// first, with that root. Spec: getProposerDutiesV2, getProposerDuties.
func (c *Client) ProposerDuties(ctx context.Context, spec *params.Spec, epoch types.Epoch) (types.Root, []ProposerDuty, error) {
	type entry struct {
		Pubkey    *pubkey `json:"pubkey"`
		Validator *number `json:"validator_index"`
		Slot      *number `json:"slot"`
	}
	what := "proposers of epoch " + decimal(epoch)
	ask := func(version string) ([]entry, *root, error) {
		return askList[entry](ctx, c, query{method: http.MethodGet, path: "/eth/" + version + "/validator/duties/proposer/" + decimal(epoch)}, int(spec.SlotsPerEpoch))
	}
	version := "v1"
	if spec.ForkAtEpoch(epoch) >= params.Fulu {
		version = "v2"
	}
	data, dependent, err := ask(version)
	if version == "v2" && IsNotFound(err) {
		data, dependent, err = ask("v1")
	}
	if err != nil {
		return types.Root{}, nil, err
	}
	if dependent == nil {
		return types.Root{}, nil, fmt.Errorf("%s: dependent_root is missing", what)
	}
	slots := make([]types.Slot, spec.SlotsPerEpoch)
	for i := range slots {
		slots[i] = types.Slot(uint64(epoch)*spec.SlotsPerEpoch + uint64(i))
	}
	var out []ProposerDuty
	left := await(slots)
	for _, d := range data {
		if d.Pubkey == nil || d.Validator == nil || d.Slot == nil {
			return types.Root{}, nil, fmt.Errorf("%s: a duty lacks a field", what)
		}
		if err := left.take(types.Slot(*d.Slot)); err != nil {
			return types.Root{}, nil, fmt.Errorf("%s: slot %w", what, err)
		}
		out = append(out, ProposerDuty{types.BLSPubkey(*d.Pubkey), types.ValidatorIndex(*d.Validator), types.Slot(*d.Slot)})
	}
	return types.Root(*dependent), out, nil
}

// SyncDuty is the seats of a validator in a sync committee.
type SyncDuty struct {
	Pubkey    types.BLSPubkey
	Validator types.ValidatorIndex
	Positions []uint64
}

// SyncDuties gives the seats of validators in the sync committee of an epoch. Spec: getSyncCommitteeDuties.
func (c *Client) SyncDuties(ctx context.Context, epoch types.Epoch, indices []types.ValidatorIndex) ([]SyncDuty, error) {
	type entry struct {
		Pubkey    *pubkey  `json:"pubkey"`
		Validator *number  `json:"validator_index"`
		Positions []number `json:"validator_sync_committee_indices"`
	}
	q := query{method: http.MethodPost, path: "/eth/v1/validator/duties/sync/" + decimal(epoch), body: indexList(indices)}
	data, _, err := askList[entry](ctx, c, q, len(indices))
	if err != nil {
		return nil, err
	}
	var out []SyncDuty
	left := await(indices)
	for _, d := range data {
		if d.Pubkey == nil || d.Validator == nil || d.Positions == nil {
			return nil, fmt.Errorf("%s: a duty lacks a field", q.path)
		}
		if err := left.take(types.ValidatorIndex(*d.Validator)); err != nil {
			return nil, fmt.Errorf("%s: duty of validator %w", q.path, err)
		}
		duty := SyncDuty{Pubkey: types.BLSPubkey(*d.Pubkey), Validator: types.ValidatorIndex(*d.Validator)}
		for _, p := range d.Positions {
			duty.Positions = append(duty.Positions, uint64(p))
		}
		out = append(out, duty)
	}
	return out, nil
}

// Validators gives those of some public keys that a state knows, each once. Spec: postStateValidators.
func (c *Client) Validators(ctx context.Context, state string, keys []types.BLSPubkey) ([]ValidatorOf, error) {
	ids := make([]string, len(keys))
	for i, key := range keys {
		ids[i] = key.String()
	}
	body, err := json.Marshal(map[string][]string{"ids": ids})
	if err != nil {
		return nil, err
	}
	type entry struct {
		Index     *number               `json:"index"`
		Status    types.ValidatorStatus `json:"status"`
		Validator struct {
			Pubkey      *pubkey `json:"pubkey"`
			Credentials *root   `json:"withdrawal_credentials"`
		} `json:"validator"`
	}
	q := query{method: http.MethodPost, path: "/eth/v1/beacon/states/" + state + "/validators", body: body}
	data, _, err := askList[entry](ctx, c, q, len(keys))
	if err != nil {
		return nil, err
	}
	var out []ValidatorOf
	left, indices := await(keys), map[number]bool{}
	for _, v := range data {
		if v.Index == nil || v.Status == "" || v.Validator.Pubkey == nil || v.Validator.Credentials == nil {
			return nil, fmt.Errorf("%s: index, status, pubkey or withdrawal_credentials are missing", q.path)
		}
		if err := left.take(types.BLSPubkey(*v.Validator.Pubkey)); err != nil {
			return nil, fmt.Errorf("%s: validator with the key %w", q.path, err)
		}
		if indices[*v.Index] {
			return nil, fmt.Errorf("%s: two keys are validator %d", q.path, *v.Index)
		}
		indices[*v.Index] = true
		out = append(out, ValidatorOf{types.ValidatorIndex(*v.Index), v.Status, types.BLSPubkey(*v.Validator.Pubkey), types.Bytes32(*v.Validator.Credentials)})
	}
	return out, nil
}

// Liveness gives whether validators were heard in an epoch, the present or the last one. Those that the server leaves out have no entry. Spec: getLiveness.
func (c *Client) Liveness(ctx context.Context, epoch types.Epoch, indices []types.ValidatorIndex) (map[types.ValidatorIndex]bool, error) {
	type entry struct {
		Index *number `json:"index"`
		Live  *bool   `json:"is_live"`
	}
	q := query{method: http.MethodPost, path: "/eth/v1/validator/liveness/" + decimal(epoch), body: indexList(indices)}
	data, _, err := askList[entry](ctx, c, q, len(indices))
	if err != nil {
		return nil, err
	}
	live := map[types.ValidatorIndex]bool{}
	left := await(indices)
	for _, v := range data {
		if v.Index == nil || v.Live == nil {
			return nil, fmt.Errorf("%s: index or is_live is missing", q.path)
		}
		if err := left.take(types.ValidatorIndex(*v.Index)); err != nil {
			return nil, fmt.Errorf("%s: validator %w", q.path, err)
		}
		live[types.ValidatorIndex(*v.Index)] = *v.Live
	}
	return live, nil
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
