package client

import (
	"context"
	"log/slog"
	"time"

	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// soon is how long before a fork it is told of again.
const soon = 7 * 24 * time.Hour

// warnOfGloas tells of the fork whose duties are not all done, at the start and, where that is earlier, a week before it. It returns when the context ends.
func warnOfGloas(ctx context.Context, spec *params.Spec, now *clock.Clock, log *slog.Logger) error {
	if spec.GloasForkEpoch != params.FarFutureEpoch {
		begin := now.StartOf(types.Slot(uint64(spec.GloasForkEpoch) * spec.SlotsPerEpoch))
		warn := func() {
			log.Warn("the network's configuration has the fork Gloas, from which on no blocks are proposed and no votes on payloads are made; have another validator client "+
				"and beacon node by then, and move the keys as docs/stakers.md says", "epoch", spec.GloasForkEpoch, "begins", begin.UTC())
		}
		warn()
		if due := begin.Add(-soon); now.Now().Before(due) {
			if err := now.WaitUntil(ctx, due); err != nil {
				return err
			}
			warn()
		}
	}
	<-ctx.Done()
	return ctx.Err()
}
