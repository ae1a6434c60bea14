package synccomm

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/validator/duties"
	"github.com/cresset/cresset/validator/nodes"
	"github.com/cresset/cresset/validator/signer"
)

// Duties says who is in the sync committee.
type Duties interface {
	// SyncCommittee waits until it is known, or until the context ends.
	SyncCommittee(context.Context, types.Slot) ([]apiclient.SyncDuty, error)
}

// Config is what a Member is made of. All of it is needed.
type Config struct {
	duties.Tools
	Duties Duties
}

// Member does the duties of members of the sync committee.
type Member struct {
	cfg     Config
	unknown atomic.Bool // who is in the committee, and that was told
}

// New makes a member.
func New(cfg Config) *Member { return &Member{cfg: cfg} }

// Run does the duties of every slot from the first one on, until the context ends.
func (m *Member) Run(ctx context.Context, first types.Slot) error {
	return m.cfg.Clock.EachSlot(ctx, first, func(slot types.Slot) { m.slot(ctx, slot) })
}

// slot is the course of a slot, which is given up when the next one begins: nobody includes messages later.
func (m *Member) slot(ctx context.Context, slot types.Slot) {
	fork := m.cfg.Spec.ForkAtSlot(slot)
	if fork < params.Altair {
		return
	}
	run := ctx
	ctx, cancel := m.cfg.Clock.Until(ctx, m.cfg.Clock.StartOf(slot+1))
	defer cancel()
	seats, err := m.cfg.Duties.SyncCommittee(ctx, slot)
	if unknown := errors.Is(err, duties.ErrUnknown); run.Err() == nil && m.unknown.Swap(unknown) != unknown && unknown {
		m.cfg.Log.Warn("it is not known whether validators are in the sync committee, whose messages are missed until it is; look at the beacon nodes", "slot", slot, "error", err)
	}
	if err != nil || len(seats) == 0 {
		return
	}
	if _, err := m.cfg.Nodes.WaitHead(ctx, slot, m.cfg.Clock.At(slot, m.cfg.Spec.GetSyncMessageDueMs(fork))); err != nil {
		return
	}
	head, err := m.messages(ctx, slot, seats)
	if err != nil {
		m.cfg.Metrics.Duties.WithLabelValues("sync_message", "missed").Add(float64(len(seats)))
		m.cfg.Log.Error("messages of the sync committee missed; look at the beacon nodes", "slot", slot, "messages", len(seats), "error", err)
		return
	}
	if m.cfg.Clock.WaitUntil(ctx, m.cfg.Clock.At(slot, m.cfg.Spec.GetContributionDueMs(fork))) == nil {
		m.contribute(ctx, slot, head, seats)
	}
}

var errOptimistic = errors.New("the head's payload is not verified")

// messages signs the head and hands the messages in. It gives the head.
func (m *Member) messages(ctx context.Context, slot types.Slot, seats []apiclient.SyncDuty) (types.Root, error) {
	var head types.Root
	err := m.cfg.Retry(ctx, func() (err error) {
		head, err = nodes.Read(ctx, m.cfg.Nodes, func(ctx context.Context, c *apiclient.Client) (types.Root, error) {
			root, optimistic, err := c.Head(ctx)
			if err == nil && optimistic {
				err = errOptimistic
			}
			return root, err
		})
		return err
	})
	if err != nil {
		return head, err
	}
	requests := make([]signer.Request, len(seats))
	for i, s := range seats {
		requests[i] = signer.Request{Key: s.Pubkey, Message: signer.SyncMessage{Slot: slot, Root: head}}
	}
	var messages []types.SyncCommitteeMessage
	var failures []error
	for i, result := range m.cfg.Signer.SignBatch(m.cfg.ForkInfoAt(slot), requests) {
		if result.Err != nil {
			failures = append(failures, result.Err)
			continue
		}
		messages = append(messages, types.SyncCommitteeMessage{Slot: slot, BeaconBlockRoot: head, ValidatorIndex: seats[i].Validator, Signature: result.Signature})
	}
	if len(failures) > 0 {
		m.cfg.Log.Error("some messages of the sync committee were not signed; look at keys and clock", "slot", slot, "messages", len(failures), "error", failures[0])
	}
	if len(messages) == 0 {
		return head, errors.Join(failures...)
	}
	err = m.cfg.Send(ctx, func(ctx context.Context, c *apiclient.Client) error {
		return c.SubmitSyncMessages(ctx, m.cfg.Context(slot), messages)
	})
	taken := len(messages)
	var refused *apiclient.ItemsError
	switch {
	case errors.As(err, &refused):
		taken -= len(refused.Failures)
		m.cfg.Metrics.Duties.WithLabelValues("sync_message", "missed").Add(float64(len(refused.Failures)))
		m.cfg.Log.Error("the beacon nodes refused some messages of the sync committee; look at the beacon nodes", "slot", slot, "messages", len(refused.Failures), "error", err)
	case err != nil:
		return head, err
	}
	if taken == 0 {
		return head, nil
	}
	m.cfg.Metrics.Duties.WithLabelValues("sync_message", "published").Add(float64(taken))
	m.cfg.Log.Info("signed for the sync committee", "slot", slot, "messages", taken, "head", head,
		"after", m.cfg.Clock.Now().Sub(m.cfg.Clock.StartOf(slot)).Round(time.Millisecond))
	return head, nil
}
