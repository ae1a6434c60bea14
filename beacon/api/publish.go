package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip"
	"github.com/cresset/cresset/gossip/router"
)

// maxItems bounds the messages of one request: a vote of each member of the committees of four slots of mainnet's size.
const maxItems = 1 << 17

// publisher is who sends messages. A node that is behind cannot judge them.
func (c *call) publisher() (Publisher, error) {
	if c.n.Publisher == nil {
		return nil, busy(0, "The node has no network to publish on")
	}
	return c.n.Publisher, nil
}

// consensusVersion is the fork that the request says its body is of. Spec: Eth-Consensus-Version.
func (c *call) consensusVersion() (params.Fork, error) {
	name := c.r.Header.Get("Eth-Consensus-Version")
	fork, err := params.ParseFork(strings.ToLower(name))
	if err != nil {
		return 0, invalid("Eth-Consensus-Version", name, "the name of a fork")
	}
	return fork, nil
}

// decode reads the body, JSON or SSZ, into a value.
func (c *call) decode(fork params.Fork, node ssz.Node) (err error) {
	if c.ssz {
		var body []byte
		if body, err = io.ReadAll(c.r.Body); err == nil {
			err = ssz.Unmarshal(c.context(fork), body, node)
		}
	} else {
		dec := json.NewDecoder(c.r.Body)
		dec.UseNumber()
		if err = node.DecodeJSON(c.context(fork), dec); err == nil {
			err = atEnd(dec)
		}
	}
	if err != nil {
		return badBody(err, fmt.Sprintf("what the route takes, of %v", fork))
	}
	return nil
}

// bodyList reads a body that is a list of containers.
func bodyList[T any, P interface {
	*T
	ssz.Object
}](c *call, fork params.Fork) ([]T, error) {
	var items []T
	err := c.decode(fork, ssz.List[T, P](&items, ssz.Cap(maxItems, false)))
	return items, err
}

// itemFailure is what is wrong with an item of a list. Spec: IndexedErrorMessage (types/http.yaml).
type itemFailure struct {
	Index   int    `json:"index"`
	Message string `json:"message"`
}

// batch is messages that are published together, each of an item of the request's list; an item may be several messages.
type batch struct {
	messages []router.Outgoing
	items    []int // by message
	failures map[int]string
}

func (b *batch) add(item int, kind gossip.Kind, subnet uint64, object ssz.Object) {
	b.messages, b.items = append(b.messages, router.Outgoing{Kind: kind, Subnet: subnet, Object: object}), append(b.items, item)
}

func (b *batch) fail(item int, format string, args ...any) {
	if b.failures == nil {
		b.failures = map[int]string{}
	}
	b.failures[item] = fmt.Sprintf(format, args...)
}

// heard takes away the error of a message that was accepted and counted here, though there was nobody to hear it.
func heard(err error) error {
	if errors.Is(err, router.ErrNoPeers) {
		return nil
	}
	return err
}

// reason is what a client is told of a message that was not taken.
func reason(err error) string {
	var d gossip.Decision
	if !errors.As(err, &d) || d.Verdict != gossip.Defer {
		return err.Error()
	}
	switch d.Wait.Kind {
	case gossip.WaitBlock:
		return fmt.Sprintf("block %v is not known to this node yet", d.Wait.Root)
	case gossip.WaitPayload:
		return fmt.Sprintf("the payload of block %v is not known to this node yet", d.Wait.Root)
	case gossip.WaitSlot:
		return fmt.Sprintf("slot %d has not begun", d.Wait.Slot)
	}
	return fmt.Sprintf("the state of block %v, which the message would be judged by, is not at hand", d.Wait.Root)
}

// publish sends the messages of a list and tells which items failed.
func (c *call) publish(b *batch) error {
	if len(b.messages) > 0 {
		publisher, err := c.publisher()
		if err != nil {
			return err
		}
		for k, err := range publisher.PublishAll(c.r.Context(), b.messages...) {
			if errors.Is(err, router.ErrNotRunning) {
				return err
			}
			if heard(err) != nil {
				b.fail(b.items[k], "%s", reason(err))
			}
		}
	}
	if len(b.failures) == 0 {
		return c.done()
	}
	failures := []itemFailure{}
	for item := range maxItems {
		if message, failed := b.failures[item]; failed {
			failures = append(failures, itemFailure{item, message})
		}
		if len(failures) == len(b.failures) {
			break
		}
	}
	text, err := json.Marshal(struct {
		Code     int           `json:"code"`
		Message  string        `json:"message"`
		Failures []itemFailure `json:"failures"`
	}{http.StatusBadRequest, fmt.Sprintf("%d items failed, the others were published", len(failures)), failures})
	if err != nil {
		return err
	}
	c.readAll()
	c.w.Header().Set("Content-Type", mediaJSON)
	c.w.WriteHeader(http.StatusBadRequest)
	c.started = true
	_, err = c.Write(text)
	return err
}

// publishOne sends the one message of a request.
func (c *call) publishOne(kind gossip.Kind, object ssz.Object) error {
	publisher, err := c.publisher()
	if err != nil {
		return err
	}
	err = heard(publisher.PublishAll(c.r.Context(), router.Outgoing{Kind: kind, Object: object})[0])
	var d gossip.Decision
	switch {
	case errors.As(err, &d) && d.Verdict == gossip.Defer:
		return busy(1, "%s", reason(err))
	case errors.Is(err, router.ErrNotRunning):
		return err
	case err != nil:
		return fail(http.StatusBadRequest, "Invalid %s, not published: %v", strings.ReplaceAll(kind.String(), "_", " "), err)
	}
	return c.done()
}

// publishAttestations publishes votes. Spec: submitPoolAttestationsV2.
func (c *call) publishAttestations() error {
	fork, err := c.consensusVersion()
	if err != nil {
		return err
	}
	b := new(batch)
	if fork >= params.Electra {
		votes, err := bodyList[types.SingleAttestation](c, fork)
		if err != nil {
			return err
		}
		for i := range votes {
			c.addVote(b, i, &votes[i].Data, votes[i].CommitteeIndex, &votes[i])
		}
		return c.publish(b)
	}
	votes, err := bodyList[types.Attestation](c, fork)
	if err != nil {
		return err
	}
	for i := range votes {
		c.addVote(b, i, &votes[i].Data, votes[i].Data.Index, &votes[i])
	}
	return c.publish(b)
}

// addVote finds the subnet of a vote, by the committees of the head's chain.
func (c *call) addVote(b *batch, item int, data *types.AttestationData, committee types.CommitteeIndex, vote ssz.Object) {
	now, view := c.n.Chain.Clock().CurrentEpoch(), c.n.Chain.View()
	if epoch := data.Target.Epoch; epoch > now+1 || epoch+1 < now {
		b.fail(item, "target epoch is %d, want %d or the one before", epoch, now)
		return
	}
	d := dutyView{c.n.Chain.Snapshot(), view, now}
	shuffling, err := c.shuffling(d, data.Target.Epoch)
	switch {
	case err != nil:
		b.fail(item, "the committees of epoch %d are not at hand: %v", data.Target.Epoch, err)
		return
	case uint64(committee) >= shuffling.CommitteesPerSlot:
		b.fail(item, "committee index is %d, a slot of epoch %d has %d committees", committee, data.Target.Epoch, shuffling.CommitteesPerSlot)
		return
	}
	b.add(item, gossip.BeaconAttestation, types.ComputeSubnetForAttestation(c.s.cfg.Spec, shuffling.CommitteesPerSlot, data.Slot, committee), vote)
}

// publishAggregates publishes aggregates. Spec: publishAggregateAndProofsV2.
func (c *call) publishAggregates() error {
	fork, err := c.consensusVersion()
	if err != nil {
		return err
	}
	return publishList[types.SignedAggregateAndProof](c, fork, gossip.BeaconAggregateAndProof)
}

// publishList publishes a list of messages of a kind without subnets.
func publishList[T any, P interface {
	*T
	ssz.Object
}](c *call, fork params.Fork, kind gossip.Kind) error {
	items, err := bodyList[T, P](c, fork)
	if err != nil {
		return err
	}
	if !kind.In(fork) {
		return fail(http.StatusBadRequest, "There are no messages of the kind %v in %v", kind, fork)
	}
	b := new(batch)
	for i := range items {
		b.add(i, kind, 0, P(&items[i]))
	}
	return c.publish(b)
}

// publishContributions publishes contributions to sync aggregates. Spec: publishContributionAndProofs.
func (c *call) publishContributions() error {
	return publishList[types.SignedContributionAndProof](c, c.fork(), gossip.SyncCommitteeContributionAndProof)
}

// publishBLSToExecutionChanges publishes changes of credentials. Spec: submitPoolBLSToExecutionChange.
func (c *call) publishBLSToExecutionChanges() error {
	return publishList[types.SignedBLSToExecutionChange](c, c.fork(), gossip.BLSToExecutionChange)
}

// publishPayloadAttestations publishes votes on payloads. Spec: submitPayloadAttestationMessages (gloas).
func (c *call) publishPayloadAttestations() error {
	fork, err := c.consensusVersion()
	if err != nil {
		return err
	}
	return publishList[types.PayloadAttestationMessage](c, fork, gossip.PayloadAttestationMessage)
}

// publishSyncMessages publishes sync committee messages, each on all subnets that its sender is on. Spec: submitPoolSyncCommitteeSignatures.
func (c *call) publishSyncMessages() error {
	fork, spec := c.fork(), c.s.cfg.Spec
	messages, err := bodyList[types.SyncCommitteeMessage](c, fork)
	if err != nil {
		return err
	}
	state, ok := c.n.Chain.View().HeadState()
	if !ok {
		return busy(1, "The state of the head is not at hand")
	}
	b := new(batch)
	for i := range messages {
		m := &messages[i]
		validator, ok := state.Validator(m.ValidatorIndex)
		if !ok {
			b.fail(i, "validator %d is not known", m.ValidatorIndex)
			continue
		}
		// A message of the last slot of a period is of the committee of the next one.
		committee, ok := state.SyncCommittee(types.ComputeEpochAtSlot(spec, m.Slot+1))
		subnets := types.ComputeSubnetsForSyncCommittee(spec, committee, validator.Pubkey)
		if !ok || len(subnets) == 0 {
			b.fail(i, "validator %d is not in the sync committee of slot %d", m.ValidatorIndex, m.Slot)
			continue
		}
		for _, subnet := range subnets {
			b.add(i, gossip.SyncCommittee, subnet, m)
		}
	}
	return c.publish(b)
}

// publishAttesterSlashing publishes an attester slashing. Spec: submitPoolAttesterSlashingsV2.
func (c *call) publishAttesterSlashing() error {
	fork, err := c.consensusVersion()
	if err != nil {
		return err
	}
	slashing := new(types.AttesterSlashing)
	if err := c.decode(fork, ssz.Container(slashing)); err != nil {
		return err
	}
	return c.publishOne(gossip.AttesterSlashing, slashing)
}

// publishProposerSlashing publishes a proposer slashing. Spec: submitPoolProposerSlashings.
func (c *call) publishProposerSlashing() error {
	slashing := new(types.ProposerSlashing)
	if err := c.decode(c.fork(), ssz.Container(slashing)); err != nil {
		return err
	}
	return c.publishOne(gossip.ProposerSlashing, slashing)
}

// publishVoluntaryExit publishes a voluntary exit. Spec: submitPoolVoluntaryExit.
func (c *call) publishVoluntaryExit() error {
	exit := new(types.SignedVoluntaryExit)
	if err := c.decode(c.fork(), ssz.Container(exit)); err != nil {
		return err
	}
	return c.publishOne(gossip.VoluntaryExit, exit)
}
