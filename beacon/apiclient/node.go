package apiclient

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/cresset/cresset/beacon/types"
)

// Syncing is how far a node is.
type Syncing struct {
	Head       types.Slot
	Distance   uint64
	Syncing    bool
	Optimistic bool
	ELOffline  bool
}

// Syncing gives how far the server is. Spec: getSyncingStatus.
func (c *Client) Syncing(ctx context.Context) (Syncing, error) {
	var data struct {
		Head       *number `json:"head_slot"`
		Distance   *number `json:"sync_distance"`
		Syncing    bool    `json:"is_syncing"`
		Optimistic bool    `json:"is_optimistic"`
		ELOffline  bool    `json:"el_offline"`
	}
	if err := c.get(ctx, "/eth/v1/node/syncing", &data); err != nil {
		return Syncing{}, err
	}
	if data.Head == nil || data.Distance == nil {
		return Syncing{}, fmt.Errorf("syncing status of %s: head_slot or sync_distance is missing", c)
	}
	return Syncing{types.Slot(*data.Head), uint64(*data.Distance), data.Syncing, data.Optimistic, data.ELOffline}, nil
}

// SpecValues gives the values of the server's configuration that are plain text, by their names in the specification. Spec: getSpec.
func (c *Client) SpecValues(ctx context.Context) (map[string]string, error) {
	var data map[string]json.RawMessage
	if err := c.get(ctx, "/eth/v1/config/spec", &data); err != nil {
		return nil, err
	}
	values := map[string]string{}
	for key, raw := range data {
		var text string
		if json.Unmarshal(raw, &text) == nil {
			values[key] = text
		}
	}
	return values, nil
}

// ForkSchedule gives the forks that the server has scheduled. Spec: getForkSchedule.
func (c *Client) ForkSchedule(ctx context.Context) ([]types.Fork, error) {
	var data []struct {
		Previous version `json:"previous_version"`
		Current  version `json:"current_version"`
		Epoch    number  `json:"epoch"`
	}
	if err := c.get(ctx, "/eth/v1/config/fork_schedule", &data); err != nil {
		return nil, err
	}
	var forks []types.Fork
	for _, f := range data {
		forks = append(forks, types.Fork{PreviousVersion: types.Version(f.Previous), CurrentVersion: types.Version(f.Current), Epoch: types.Epoch(f.Epoch)})
	}
	return forks, nil
}

// version is four bytes in hexadecimal.
type version types.Version

func (v *version) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	n, err := strconv.ParseUint(text, 0, 32)
	if err != nil || len(text) != 10 {
		return fmt.Errorf("fork version is %.40q, want 0x and 8 hexadecimal digits", text)
	}
	*v = version{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	return nil
}

// AttestationReward is what the votes of a validator earned in an epoch, Gwei; negative for what was lost.
type AttestationReward struct {
	Validator            types.ValidatorIndex
	Source, Target, Head int64
}

// AttestationRewards gives what validators earned in an epoch that is over. Spec: getAttestationsRewards.
func (c *Client) AttestationRewards(ctx context.Context, epoch types.Epoch, indices []types.ValidatorIndex) ([]AttestationReward, error) {
	var answer struct {
		Data struct {
			Total []struct {
				Validator number `json:"validator_index"`
				Source    signed `json:"source"`
				Target    signed `json:"target"`
				Head      signed `json:"head"`
			} `json:"total_rewards"`
		} `json:"data"`
	}
	path := "/eth/v1/beacon/rewards/attestations/" + decimal(epoch)
	if err := c.ask(ctx, query{method: http.MethodPost, path: path, body: indexList(indices), most: largeAnswer}, &answer); err != nil {
		return nil, err
	}
	var out []AttestationReward
	for _, r := range answer.Data.Total {
		out = append(out, AttestationReward{types.ValidatorIndex(r.Validator), int64(r.Source), int64(r.Target), int64(r.Head)})
	}
	return out, nil
}

// signed is a decimal number in a string that may be negative.
type signed int64

func (n *signed) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	v, err := strconv.ParseInt(text, 10, 64)
	*n = signed(v)
	return err
}
