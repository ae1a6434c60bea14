package attest

import (
	"context"
	"errors"
	"time"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/validator/duties"
	"github.com/cresset/cresset/validator/protection"
	"github.com/cresset/cresset/validator/signer"

	"github.com/prysmaticlabs/go-bitfield"
)

// Duties says who votes when.
type Duties interface {
	// Attesters waits until it is known, or until the context ends.
	Attesters(context.Context, types.Slot) ([]duties.Attester, error)
}

// Protection records votes before they are signed.
type Protection interface {
	Attestations([]protection.Attestation) ([]protection.Verdict, error)
}

// Config is what an Attester is made of. All but Before is needed.
type Config struct {
	duties.Tools
	Duties     Duties
	Protection Protection
	// Before is what keys had signed when the process started.
	Before map[types.BLSPubkey]protection.Mark
	// Done hears of the votes of some validators: when in their slot a node took them, or why they were missed.
	Done func(slot types.Slot, validators []types.ValidatorIndex, after time.Duration, missed *duties.Miss)
}

// Attester votes.
type Attester struct{ cfg Config }

// New makes an attester.
func New(cfg Config) *Attester { return &Attester{cfg} }

// Run votes in every slot from the first one on, until the context ends.
func (a *Attester) Run(ctx context.Context, first types.Slot) error {
	return a.cfg.Clock.EachSlot(ctx, first, func(slot types.Slot) { a.slot(ctx, slot) })
}

// slot is the course of a slot: votes, then aggregates. Both are given up when the slot after the next one begins.
func (a *Attester) slot(ctx context.Context, slot types.Slot) {
	ctx, cancel := a.cfg.Clock.Until(ctx, a.cfg.Clock.StartOf(slot+2))
	defer cancel()
	fork := a.cfg.Spec.ForkAtSlot(slot)
	headed, err := a.cfg.Nodes.WaitHead(ctx, slot, a.cfg.Clock.At(slot, a.cfg.Spec.GetAttestationDueMs(fork)))
	if err != nil {
		return
	}
	seats, err := a.cfg.Duties.Attesters(ctx, slot)
	if err != nil || len(seats) == 0 {
		return
	}
	votes, ok := a.vote(ctx, slot, seats, headed)
	if ok && a.cfg.Clock.WaitUntil(ctx, a.cfg.Clock.At(slot, a.cfg.Spec.GetAggregateDueMs(fork))) == nil {
		a.aggregate(ctx, slot, seats, votes)
	}
}

// vote makes the votes of a slot and hands them in. It gives the data by committee.
func (a *Attester) vote(ctx context.Context, slot types.Slot, seats []duties.Attester, headed bool) (map[types.CommitteeIndex]*types.AttestationData, bool) {
	data, err := a.data(ctx, slot, seats)
	if err != nil {
		a.missed(slot, validators(seats), "no beacon node had anything to vote for", err)
		return nil, false
	}
	signed, ok := a.sign(slot, seats, data)
	if !ok || len(signed) == 0 {
		return data, ok
	}
	err = a.publish(ctx, slot, signed)
	since := a.cfg.Clock.Now().Sub(a.cfg.Clock.StartOf(slot))
	var refused *apiclient.ItemsError
	if err != nil && !errors.As(err, &refused) {
		all, _ := split(signed, nil)
		a.missed(slot, all, "no beacon node took the votes", err)
		return nil, false
	}
	taken, left := split(signed, refused)
	if len(left) > 0 {
		a.missed(slot, left, "the beacon nodes refused the votes", err)
	}
	if len(taken) == 0 {
		return data, true
	}
	a.cfg.Done(slot, taken, since, nil)
	a.cfg.Metrics.Duties.WithLabelValues("attestation", "published").Add(float64(len(taken)))
	a.cfg.Metrics.Delay.WithLabelValues("attestation").Observe(since.Seconds())
	first := signed[0].data
	a.cfg.Log.Info("voted", "slot", slot, "votes", len(taken), "head", first.BeaconBlockRoot, "target", first.Target.Epoch, "source", first.Source.Epoch,
		"block came", headed, "after", since.Round(time.Millisecond))
	return data, true
}

func (a *Attester) missed(slot types.Slot, validators []types.ValidatorIndex, why string, err error) {
	miss := &duties.Miss{Why: why, Err: err}
	a.cfg.Metrics.Duties.WithLabelValues("attestation", "missed").Add(float64(len(validators)))
	a.cfg.Done(slot, validators, 0, miss)
	a.cfg.Log.Error("votes missed; "+miss.Advice(), "slot", slot, "votes", len(validators), "why", why, "error", err)
}

func validators(seats []duties.Attester) []types.ValidatorIndex {
	out := make([]types.ValidatorIndex, len(seats))
	for i, s := range seats {
		out[i] = s.Validator
	}
	return out
}

// signedVote is a vote and where it belongs.
type signedVote struct {
	seat      duties.Attester
	data      *types.AttestationData
	signature types.BLSSignature
}

// split parts the validators whose votes were taken from those whose votes were refused.
func split(signed []signedVote, refused *apiclient.ItemsError) (taken, left []types.ValidatorIndex) {
	for i, s := range signed {
		if refused != nil {
			if _, bad := refused.Failures[i]; bad {
				left = append(left, s.seat.Validator)
				continue
			}
		}
		taken = append(taken, s.seat.Validator)
	}
	return taken, left
}

// sign records all votes in one commit and signs those that may be. Without slashing protection there is none, which is the one thing that is not ok.
func (a *Attester) sign(slot types.Slot, seats []duties.Attester, data map[types.CommitteeIndex]*types.AttestationData) (signed []signedVote, ok bool) {
	epoch := types.ComputeEpochAtSlot(a.cfg.Spec, slot)
	info := a.cfg.ForkInfo(epoch)
	roots := map[*types.AttestationData]types.Root{}
	batch := make([]protection.Attestation, len(seats))
	for i, seat := range seats {
		d := data[seat.Committee]
		if _, ok := roots[d]; !ok {
			root, err := a.cfg.Signer.AttestationRoot(info, d)
			if err != nil {
				a.missed(slot, validators(seats), "not signed", err)
				return nil, false
			}
			roots[d] = root
		}
		batch[i] = protection.Attestation{Key: seat.Pubkey, Source: d.Source.Epoch, Target: d.Target.Epoch, SigningRoot: roots[d]}
	}
	verdicts, err := a.cfg.Protection.Attestations(batch)
	if err != nil {
		a.missed(slot, validators(seats), "slashing protection failed", err)
		return nil, false
	}
	var requests []signer.AttestationRequest
	var allowed []duties.Attester
	var refused []types.ValidatorIndex
	var failures []error
	before := 0
	for i, v := range verdicts {
		switch {
		case v.Err == nil:
			allowed = append(allowed, seats[i])
			requests = append(requests, signer.AttestationRequest{Key: seats[i].Pubkey, Data: data[seats[i].Committee], Permit: v.Permit})
		case a.votedBefore(seats[i].Pubkey, epoch):
			before++
		default:
			refused, failures = append(refused, seats[i].Validator), append(failures, v.Err)
		}
	}
	if before > 0 {
		a.cfg.Log.Info("votes of this epoch were made before the process started, with another head; they are not made again", "slot", slot, "epoch", epoch, "votes", before)
	}
	for i, result := range a.cfg.Signer.SignAttestations(info, requests) {
		if result.Err != nil {
			refused, failures = append(refused, allowed[i].Validator), append(failures, result.Err)
			continue
		}
		signed = append(signed, signedVote{allowed[i], requests[i].Data, result.Signature})
	}
	if len(refused) > 0 {
		a.missed(slot, refused, "not signed", errors.Join(failures...))
	}
	return signed, true
}

// votedBefore tells whether a key's vote of an epoch was recorded before the process started. What is refused then is what a restart asks for a second time.
func (a *Attester) votedBefore(key types.BLSPubkey, epoch types.Epoch) bool {
	m := a.cfg.Before[key]
	return m.HasAttestation && m.Target == epoch
}

// publish hands votes in, to all nodes.
func (a *Attester) publish(ctx context.Context, slot types.Slot, signed []signedVote) error {
	cx := a.cfg.Context(slot)
	if cx.Fork >= params.Electra {
		votes := make([]types.SingleAttestation, len(signed))
		for i, s := range signed {
			votes[i] = types.SingleAttestation{CommitteeIndex: s.seat.Committee, AttesterIndex: s.seat.Validator, Data: *s.data, Signature: s.signature}
		}
		return a.cfg.Send(ctx, func(ctx context.Context, c *apiclient.Client) error {
			return c.SubmitSingleAttestations(ctx, cx, votes)
		})
	}
	votes := make([]types.Attestation, len(signed))
	for i, s := range signed {
		bits := bitfield.NewBitlist(s.seat.CommitteeLength)
		bits.SetBitAt(s.seat.Position, true)
		votes[i] = types.Attestation{AggregationBits: bits, Data: *s.data, Signature: s.signature}
	}
	return a.cfg.Send(ctx, func(ctx context.Context, c *apiclient.Client) error { return c.SubmitAttestations(ctx, cx, votes) })
}
