package duties

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/metrics"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/validator/nodes"
	"github.com/cresset/cresset/validator/signer"
)

// Tools is what duties of every kind are done with. All of it is needed.
type Tools struct {
	Spec    *params.Spec
	Clock   *clock.Clock
	Nodes   *nodes.Nodes
	Signer  *signer.Signer
	Log     *slog.Logger
	Metrics *metrics.Validator
}

// ForkInfo is the fork of an epoch, by the configuration: a node with another schedule is refused.
func (t *Tools) ForkInfo(epoch types.Epoch) signer.ForkInfo {
	fork := t.Spec.ForkAtEpoch(epoch)
	f := types.Fork{PreviousVersion: t.Spec.ForkVersion(fork), CurrentVersion: t.Spec.ForkVersion(fork), Epoch: t.Spec.ForkEpoch(fork)}
	if f.Epoch > params.GenesisEpoch {
		f.PreviousVersion = t.Spec.ComputeForkVersion(f.Epoch - 1)
	}
	return signer.ForkInfo{Fork: f, GenesisValidatorsRoot: t.Nodes.Chain().GenesisValidatorsRoot}
}

// ForkInfoAt is ForkInfo of a slot's epoch.
func (t *Tools) ForkInfoAt(slot types.Slot) signer.ForkInfo {
	return t.ForkInfo(types.ComputeEpochAtSlot(t.Spec, slot))
}

// Context is the schema of what belongs to a slot.
func (t *Tools) Context(slot types.Slot) ssz.Context {
	return ssz.Context{Spec: t.Spec, Fork: t.Spec.ForkAtSlot(slot)}
}

// Retry does something again and again until it succeeds or the context ends.
func (t *Tools) Retry(ctx context.Context, do func() error) error {
	return t.Nodes.Retry(ctx, t.Clock.SlotDuration()/16, do)
}

// Send sends to all nodes, again and again until one takes it or the context ends. Of a list, what a node judged wrong is not sent again: where no other node took
// it, the error is an *apiclient.ItemsError.
func (t *Tools) Send(ctx context.Context, send func(context.Context, *apiclient.Client) error) error {
	var refused *apiclient.ItemsError
	err := t.Retry(ctx, func() error {
		err := t.Nodes.Broadcast(ctx, send)
		if errors.As(err, &refused) {
			return nil
		}
		return err
	})
	if refused != nil {
		return refused
	}
	return err
}

// Joint is what some validators were chosen to make for all of a committee, such as aggregates.
type Joint struct {
	Kind     string // for metrics and errors
	Said     string // in the log, where a node took it
	Slot     types.Slot
	Count    int     // how many there are
	Failures []error // why there are not more
}

// HandIn sends what there is to all nodes, and says what came of it.
func (t *Tools) HandIn(ctx context.Context, j Joint, send func(context.Context, *apiclient.Client) error) {
	if j.Count > 0 {
		var refused *apiclient.ItemsError
		switch err := t.Send(ctx, send); {
		case errors.As(err, &refused):
			for item, said := range refused.Failures {
				j.Failures = append(j.Failures, fmt.Errorf("the beacon nodes refused %s %d of %d: %s", j.Kind, item+1, j.Count, said))
			}
			j.Count -= len(refused.Failures)
		case err != nil:
			j.Failures, j.Count = append(j.Failures, err), 0
		}
	}
	t.Metrics.Duties.WithLabelValues(j.Kind, "published").Add(float64(j.Count))
	t.Metrics.Duties.WithLabelValues(j.Kind, "missed").Add(float64(len(j.Failures)))
	if j.Count > 0 {
		t.Log.Info(j.Said, "slot", j.Slot, j.Kind+"s", j.Count)
	}
	for _, err := range j.Failures {
		t.Log.Warn("an aggregate or a contribution was missed; look at the beacon nodes if this goes on", "slot", j.Slot, "kind", j.Kind, "error", err)
	}
}
