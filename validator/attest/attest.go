package attest

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/metrics"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/validator/duties"
	"github.com/cresset/cresset/validator/nodes"
	"github.com/cresset/cresset/validator/protection"
	"github.com/cresset/cresset/validator/signer"

	"github.com/prysmaticlabs/go-bitfield"
)

// Duties says who votes when.
type Duties interface {
	Attesters(types.Slot) []duties.Attester
	ForkInfo(types.Epoch) signer.ForkInfo
}

// Protection records votes before they are signed.
type Protection interface {
	Attestations([]protection.Attestation) ([]protection.Verdict, error)
}

// Config is what an Attester is made of. All of it is needed.
type Config struct {
	Spec       *params.Spec
	Clock      *clock.Clock
	Nodes      *nodes.Nodes
	Duties     Duties
	Signer     *signer.Signer
	Protection Protection
	Log        *slog.Logger
	Metrics    *metrics.Validator
	// Done hears of votes: why is empty where they were taken.
	Done func(epoch types.Epoch, votes int, why string)
}

// Attester votes.
type Attester struct{ cfg Config }

// New makes an attester.
func New(cfg Config) *Attester { return &Attester{cfg} }

// Run votes in every slot after one, until the context ends.
func (a *Attester) Run(ctx context.Context, handled types.Slot) error {
	var slots sync.WaitGroup
	defer slots.Wait()
	return a.cfg.Clock.Slots(ctx, handled, func() {
		slot := a.cfg.Clock.CurrentSlot()
		slots.Go(func() { a.slot(ctx, slot) })
	})
}

// slot is the course of a slot: votes, then aggregates. Both are given up when the slot after the next one begins.
func (a *Attester) slot(ctx context.Context, slot types.Slot) {
	fork := a.cfg.Spec.ForkAtSlot(slot)
	start := a.cfg.Clock.StartOf(slot)
	headed, err := a.cfg.Nodes.WaitHead(ctx, slot, start.Add(milliseconds(a.cfg.Spec.GetAttestationDueMs(fork))))
	if err != nil {
		return
	}
	seats := a.cfg.Duties.Attesters(slot)
	if len(seats) == 0 {
		return
	}
	ctx, cancel := a.cfg.Clock.Until(ctx, a.cfg.Clock.StartOf(slot+2))
	defer cancel()
	votes, ok := a.vote(ctx, slot, seats, headed)
	if !ok {
		return
	}
	if a.cfg.Clock.WaitUntil(ctx, start.Add(milliseconds(a.cfg.Spec.GetAggregateDueMs(fork)))) == nil {
		a.aggregate(ctx, slot, seats, votes)
	}
}

func milliseconds(ms uint64) time.Duration { return time.Duration(ms) * time.Millisecond }

// vote makes the votes of a slot and hands them in. It gives the data by committee.
func (a *Attester) vote(ctx context.Context, slot types.Slot, seats []duties.Attester, headed bool) (map[types.CommitteeIndex]*types.AttestationData, bool) {
	epoch := types.ComputeEpochAtSlot(a.cfg.Spec, slot)
	missed := func(n int, why string, err error) {
		a.cfg.Metrics.Duties.WithLabelValues("attestation", "missed").Add(float64(n))
		a.cfg.Done(epoch, n, why)
		a.cfg.Log.Error("votes missed; "+advice(err), "slot", slot, "votes", n, "why", why, "error", err)
	}
	data, err := a.data(ctx, slot, seats)
	if err != nil {
		missed(len(seats), "no beacon node had anything to vote for", err)
		return nil, false
	}
	signed, failures, err := a.sign(slot, seats, data)
	if err != nil {
		missed(len(seats), "slashing protection failed", err)
		return nil, false
	}
	if len(failures) > 0 {
		missed(len(failures), "not signed", errors.Join(failures...))
	}
	if len(signed) == 0 {
		return nil, false
	}
	if err := a.cfg.Nodes.Retry(ctx, a.cfg.Clock.SlotDuration()/8, func() error { return a.publish(ctx, slot, signed) }); err != nil {
		missed(len(signed), "no beacon node took the votes", err)
		return nil, false
	}
	since := a.cfg.Clock.Now().Sub(a.cfg.Clock.StartOf(slot))
	a.cfg.Done(epoch, len(signed), "")
	a.cfg.Metrics.Duties.WithLabelValues("attestation", "published").Add(float64(len(signed)))
	a.cfg.Metrics.Delay.WithLabelValues("attestation").Observe(since.Seconds())
	first := data[seats[0].Committee]
	a.cfg.Log.Info("voted", "slot", slot, "votes", len(signed), "head", first.BeaconBlockRoot, "target", first.Target.Epoch, "source", first.Source.Epoch,
		"block came", headed, "after", since.Round(time.Millisecond))
	return data, true
}

// advice is what an operator can do about an error.
func advice(err error) string {
	switch {
	case errors.Is(err, protection.ErrSlashable):
		return "make sure that no other process has these keys"
	case errors.Is(err, protection.ErrNotRegistered):
		return "import the keys' slashing protection, or register them"
	case errors.Is(err, protection.ErrUnusable):
		return "stop, and look at the slashing protection database"
	}
	return "look at the beacon nodes"
}

// signedVote is a vote and where it belongs.
type signedVote struct {
	seat      duties.Attester
	data      *types.AttestationData
	signature types.BLSSignature
}

// sign records all votes in one commit and signs those that may be.
func (a *Attester) sign(slot types.Slot, seats []duties.Attester, data map[types.CommitteeIndex]*types.AttestationData) (signed []signedVote, failures []error, err error) {
	info := a.cfg.Duties.ForkInfo(types.ComputeEpochAtSlot(a.cfg.Spec, slot))
	roots := map[*types.AttestationData]types.Root{}
	batch := make([]protection.Attestation, len(seats))
	for i, seat := range seats {
		d := data[seat.Committee]
		if _, ok := roots[d]; !ok {
			if roots[d], err = a.cfg.Signer.AttestationRoot(info, d); err != nil {
				return nil, nil, err
			}
		}
		batch[i] = protection.Attestation{Key: seat.Pubkey, Source: d.Source.Epoch, Target: d.Target.Epoch, SigningRoot: roots[d]}
	}
	verdicts, err := a.cfg.Protection.Attestations(batch)
	if err != nil {
		return nil, nil, err
	}
	var requests []signer.AttestationRequest
	var allowed []duties.Attester
	for i, v := range verdicts {
		if v.Err != nil {
			failures = append(failures, v.Err)
			continue
		}
		allowed = append(allowed, seats[i])
		requests = append(requests, signer.AttestationRequest{Key: seats[i].Pubkey, Data: data[seats[i].Committee], Permit: v.Permit})
	}
	for i, result := range a.cfg.Signer.SignAttestations(info, requests) {
		if result.Err != nil {
			failures = append(failures, result.Err)
			continue
		}
		signed = append(signed, signedVote{allowed[i], requests[i].Data, result.Signature})
	}
	return signed, failures, nil
}

// publish hands votes in, to all nodes.
func (a *Attester) publish(ctx context.Context, slot types.Slot, signed []signedVote) error {
	cx := a.context(slot)
	if cx.Fork >= params.Electra {
		votes := make([]types.SingleAttestation, len(signed))
		for i, s := range signed {
			votes[i] = types.SingleAttestation{CommitteeIndex: s.seat.Committee, AttesterIndex: s.seat.Validator, Data: *s.data, Signature: s.signature}
		}
		return a.cfg.Nodes.Broadcast(ctx, func(ctx context.Context, c *apiclient.Client) error {
			return c.SubmitSingleAttestations(ctx, cx, votes)
		})
	}
	votes := make([]types.Attestation, len(signed))
	for i, s := range signed {
		bits := bitfield.NewBitlist(s.seat.CommitteeLength)
		bits.SetBitAt(s.seat.Position, true)
		votes[i] = types.Attestation{AggregationBits: bits, Data: *s.data, Signature: s.signature}
	}
	return a.cfg.Nodes.Broadcast(ctx, func(ctx context.Context, c *apiclient.Client) error { return c.SubmitAttestations(ctx, cx, votes) })
}

func (a *Attester) context(slot types.Slot) ssz.Context {
	return ssz.Context{Spec: a.cfg.Spec, Fork: a.cfg.Spec.ForkAtSlot(slot)}
}
