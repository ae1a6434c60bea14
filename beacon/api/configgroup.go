package api

import (
	"encoding/json"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// configForkSchedule answers with all forks that have an epoch. Spec: getForkSchedule.
func (c *call) configForkSchedule() error {
	spec := c.s.cfg.Spec
	forks, previous := []ssz.Bound{}, spec.ForkVersion(params.Phase0)
	for _, f := range params.Forks() {
		epoch := spec.ForkEpoch(f)
		if epoch == params.FarFutureEpoch {
			continue
		}
		current := spec.ForkVersion(f)
		forks = append(forks, ssz.Bind(ssz.Context{}, &types.Fork{PreviousVersion: previous, CurrentVersion: current, Epoch: epoch}))
		previous = current
	}
	return c.data(meta{}, forks)
}

// configSpec answers with all values of the specification. Spec: getSpec.
func (c *call) configSpec() error {
	values := map[string]any{}
	for _, v := range c.s.cfg.Spec.Values() {
		if v.Key != "BLOB_SCHEDULE" {
			values[v.Key] = v.Text
			continue
		}
		schedule := []map[string]string{}
		for _, entry := range v.Schedule {
			schedule = append(schedule, map[string]string{"EPOCH": decimal(entry.Epoch), "MAX_BLOBS_PER_BLOCK": decimal(entry.MaxBlobsPerBlock)})
		}
		values[v.Key] = schedule
	}
	return c.data(meta{}, values)
}

// configDepositContract answers where deposits are made. Spec: getDepositContract.
func (c *call) configDepositContract() error {
	spec := c.s.cfg.Spec
	return c.data(meta{}, map[string]string{"chain_id": decimal(spec.DepositChainId), "address": spec.DepositContractAddress.String()})
}

// beaconGenesis answers what the chain began with. Spec: getGenesis.
func (c *call) beaconGenesis() error {
	time, root, err := c.n.Store.Genesis()
	if err != nil {
		return err
	}
	return c.data(meta{}, map[string]string{
		"genesis_time": decimal(time), "genesis_validators_root": root.String(),
		"genesis_fork_version": c.s.cfg.Spec.GenesisForkVersion.String(),
	})
}

var _ json.Marshaler = ssz.Bound{}
