package apiclient

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// Genesis is what a chain began with.
type Genesis struct {
	Time           uint64 // Unix seconds
	ValidatorsRoot types.Root
}

// Genesis gives what the server's chain began with.
func (c *Client) Genesis(ctx context.Context) (Genesis, error) {
	var data struct {
		Time *number `json:"genesis_time"`
		Root *root   `json:"genesis_validators_root"`
	}
	if err := c.get(ctx, "/eth/v1/beacon/genesis", &data); err != nil {
		return Genesis{}, err
	}
	if data.Time == nil || data.Root == nil {
		return Genesis{}, fmt.Errorf("genesis of %s: genesis_time or genesis_validators_root is missing", c)
	}
	return Genesis{uint64(*data.Time), types.Root(*data.Root)}, nil
}

// ValidatorOf is what a state has of one validator.
type ValidatorOf struct {
	Index                 types.ValidatorIndex
	Status                types.ValidatorStatus
	Pubkey                types.BLSPubkey
	WithdrawalCredentials types.Bytes32
}

// Validator gives a validator by index or public key; IsNotFound where the state has none.
func (c *Client) Validator(ctx context.Context, state, id string) (ValidatorOf, error) {
	var data struct {
		Index     *number               `json:"index"`
		Status    types.ValidatorStatus `json:"status"`
		Validator struct {
			Pubkey      *pubkey `json:"pubkey"`
			Credentials *root   `json:"withdrawal_credentials"`
		} `json:"validator"`
	}
	if err := c.get(ctx, "/eth/v1/beacon/states/"+state+"/validators/"+id, &data); err != nil {
		return ValidatorOf{}, err
	}
	if data.Index == nil || data.Status == "" || data.Validator.Pubkey == nil || data.Validator.Credentials == nil {
		return ValidatorOf{}, fmt.Errorf("validator %s: index, status, pubkey or withdrawal_credentials are missing", id)
	}
	return ValidatorOf{types.ValidatorIndex(*data.Index), data.Status, types.BLSPubkey(*data.Validator.Pubkey), types.Bytes32(*data.Validator.Credentials)}, nil
}

// SubmitVoluntaryExit hands in an exit.
func (c *Client) SubmitVoluntaryExit(ctx context.Context, exit *types.SignedVoluntaryExit) error {
	body, err := ssz.MarshalJSON(ssz.Context{}, ssz.Container(exit))
	if err != nil {
		return err
	}
	return c.post(ctx, "/eth/v1/beacon/pool/voluntary_exits", body)
}

// SubmitBLSChange hands in a change of withdrawal credentials.
func (c *Client) SubmitBLSChange(ctx context.Context, change *types.SignedBLSToExecutionChange) error {
	body, err := ssz.MarshalJSON(ssz.Context{}, ssz.Container(change))
	if err != nil {
		return err
	}
	list, err := json.Marshal([]json.RawMessage{body})
	if err != nil {
		return err
	}
	return c.post(ctx, "/eth/v1/beacon/pool/bls_to_execution_changes", list)
}
