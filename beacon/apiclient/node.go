package apiclient

import (
	"context"
	"encoding/json"
	"fmt"
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
		Syncing    *bool   `json:"is_syncing"`
		Optimistic *bool   `json:"is_optimistic"`
		ELOffline  *bool   `json:"el_offline"`
	}
	if err := c.get(ctx, "/eth/v1/node/syncing", &data); err != nil {
		return Syncing{}, err
	}
	if data.Head == nil || data.Distance == nil || data.Syncing == nil || data.Optimistic == nil || data.ELOffline == nil {
		return Syncing{}, fmt.Errorf("syncing status of %s: head_slot, sync_distance, is_syncing, is_optimistic or el_offline is missing", c)
	}
	return Syncing{types.Slot(*data.Head), uint64(*data.Distance), *data.Syncing, *data.Optimistic, *data.ELOffline}, nil
}

// SpecValues gives the values of the server's configuration that are plain text, by their names in the specification. Spec: getSpec.
func (c *Client) SpecValues(ctx context.Context) (map[string]string, error) {
	var data map[string]json.RawMessage
	if err := c.get(ctx, "/eth/v1/config/spec", &data); err != nil {
		return nil, err
	}
	if data == nil {
		return nil, fmt.Errorf("configuration of %s: data is missing", c)
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
		Previous *version `json:"previous_version"`
		Current  *version `json:"current_version"`
		Epoch    *number  `json:"epoch"`
	}
	if err := c.get(ctx, "/eth/v1/config/fork_schedule", &data); err != nil {
		return nil, err
	}
	if data == nil {
		return nil, fmt.Errorf("fork schedule of %s: data is missing", c)
	}
	var forks []types.Fork
	for _, f := range data {
		if f.Previous == nil || f.Current == nil || f.Epoch == nil {
			return nil, fmt.Errorf("fork schedule of %s: previous_version, current_version or epoch is missing", c)
		}
		forks = append(forks, types.Fork{PreviousVersion: types.Version(*f.Previous), CurrentVersion: types.Version(*f.Current), Epoch: types.Epoch(*f.Epoch)})
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
