package spectest

import (
	"bytes"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// deltas is what the reward functions of the specification return.
type deltas struct{ Rewards, Penalties []types.Gwei }

func (x *deltas) Define(d *ssz.Def) {
	limit := ssz.Cap(d.Spec.ValidatorRegistryLimit, false)
	d.Field("rewards", ssz.Uints(&x.Rewards, limit))
	d.Field("penalties", ssz.Uints(&x.Penalties, limit))
}

// rewardRecorder sums up what is reported of each validator by duty.
type rewardRecorder struct {
	n      int
	duties map[transition.AttestationDuty]*deltas
}

func (r *rewardRecorder) of(duty transition.AttestationDuty) *deltas {
	if r.duties[duty] == nil {
		r.duties[duty] = &deltas{make([]types.Gwei, r.n), make([]types.Gwei, r.n)}
	}
	return r.duties[duty]
}

func (r *rewardRecorder) AttestationReward(i types.ValidatorIndex, duty transition.AttestationDuty, reward, penalty types.Gwei) {
	d := r.of(duty)
	d.Rewards[i] += reward
	d.Penalties[i] += penalty
}

func (r *rewardRecorder) BlockReward(transition.RewardSource, types.Gwei) {}

func (r *rewardRecorder) SyncCommitteeReward(types.ValidatorIndex, types.Gwei, types.Gwei) {}

// runRewards compares all deltas of one epoch.
func runRewards(t *testing.T, c *Case) {
	s := readState(t, c, "pre")
	recorder := &rewardRecorder{n: s.Validators.Len(), duties: map[transition.AttestationDuty]*deltas{}}
	if err := transition.GetAttestationDeltas(s, recorder); err != nil {
		t.Fatal(err)
	}
	files := map[string]transition.AttestationDuty{
		"source_deltas": transition.DutySource, "target_deltas": transition.DutyTarget, "head_deltas": transition.DutyHead,
		"inactivity_penalty_deltas": transition.DutyInactivity,
	}
	if c.Fork == params.Phase0 {
		files["inclusion_delay_deltas"] = transition.DutyInclusionDelay
	}
	for name, duty := range files {
		have, err := ssz.Marshal(ssz.Context{Spec: c.Spec()}, ssz.Container(recorder.of(duty)))
		if err != nil {
			t.Fatal(err)
		}
		if want := c.MustSSZ(name); !bytes.Equal(have, want) {
			t.Errorf("%s are\n%x, want\n%x", name, have, want)
		}
	}
}
