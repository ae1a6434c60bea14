package synccomm

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
	"github.com/cresset/cresset/validator/nodes"
	"github.com/cresset/cresset/validator/signer"
)

// Duties says who is in the sync committee.
type Duties interface {
	SyncCommittee(types.Slot) []apiclient.SyncDuty
	ForkInfo(types.Epoch) signer.ForkInfo
}

// Config is what a Member is made of. All of it is needed.
type Config struct {
	Spec    *params.Spec
	Clock   *clock.Clock
	Nodes   *nodes.Nodes
	Duties  Duties
	Signer  *signer.Signer
	Log     *slog.Logger
	Metrics *metrics.Validator
}

// Member does the duties of members of the sync committee.
type Member struct{ cfg Config }

// New makes a member.
func New(cfg Config) *Member { return &Member{cfg} }

// Run does the duties of every slot after one, until the context ends.
func (m *Member) Run(ctx context.Context, handled types.Slot) error {
	var slots sync.WaitGroup
	defer slots.Wait()
	return m.cfg.Clock.Slots(ctx, handled, func() {
		slot := m.cfg.Clock.CurrentSlot()
		if seats := m.cfg.Duties.SyncCommittee(slot); len(seats) > 0 && m.cfg.Spec.ForkAtSlot(slot) >= params.Altair {
			slots.Go(func() { m.slot(ctx, slot, seats) })
		}
	})
}

// slot is the course of a slot, which is given up when the next one is over: nobody includes messages later.
func (m *Member) slot(ctx context.Context, slot types.Slot, seats []apiclient.SyncDuty) {
	fork := m.cfg.Spec.ForkAtSlot(slot)
	start := m.cfg.Clock.StartOf(slot)
	due := func(ms uint64) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	if _, err := m.cfg.Nodes.WaitHead(ctx, slot, due(m.cfg.Spec.GetSyncMessageDueMs(fork))); err != nil {
		return
	}
	ctx, cancel := m.cfg.Clock.Until(ctx, m.cfg.Clock.StartOf(slot+1))
	defer cancel()
	head, err := m.messages(ctx, slot, seats)
	if err != nil {
		m.cfg.Metrics.Duties.WithLabelValues("sync_message", "missed").Add(float64(len(seats)))
		m.cfg.Log.Error("messages of the sync committee missed; look at the beacon nodes", "slot", slot, "messages", len(seats), "error", err)
		return
	}
	if m.cfg.Clock.WaitUntil(ctx, due(m.cfg.Spec.GetContributionDueMs(fork))) == nil {
		m.contribute(ctx, slot, head, seats)
	}
}

func (m *Member) info(slot types.Slot) signer.ForkInfo {
	return m.cfg.Duties.ForkInfo(types.ComputeEpochAtSlot(m.cfg.Spec, slot))
}

func (m *Member) context(slot types.Slot) ssz.Context {
	return ssz.Context{Spec: m.cfg.Spec, Fork: m.cfg.Spec.ForkAtSlot(slot)}
}

var errOptimistic = errors.New("the head's payload is not verified")

// messages signs the head and hands the messages in. It gives the head.
func (m *Member) messages(ctx context.Context, slot types.Slot, seats []apiclient.SyncDuty) (types.Root, error) {
	var head types.Root
	err := m.cfg.Nodes.Retry(ctx, m.cfg.Clock.SlotDuration()/8, func() (err error) {
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
	for i, result := range m.cfg.Signer.SignBatch(m.info(slot), requests) {
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
	err = m.cfg.Nodes.Retry(ctx, m.cfg.Clock.SlotDuration()/8, func() error {
		return m.cfg.Nodes.Broadcast(ctx, func(ctx context.Context, c *apiclient.Client) error {
			return c.SubmitSyncMessages(ctx, m.context(slot), messages)
		})
	})
	if err != nil {
		return head, err
	}
	m.cfg.Metrics.Duties.WithLabelValues("sync_message", "published").Add(float64(len(messages)))
	m.cfg.Log.Info("signed for the sync committee", "slot", slot, "messages", len(messages), "head", head,
		"after", m.cfg.Clock.Now().Sub(m.cfg.Clock.StartOf(slot)).Round(time.Millisecond))
	return head, nil
}
