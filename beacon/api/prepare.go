package api

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/producer"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip/subnets"
)

// done answers that a request was carried out, without a body.
func (c *call) done() error {
	c.readAll()
	c.w.WriteHeader(http.StatusOK)
	c.started = true
	return nil
}

// entries reads a body that is a list of objects, one by one. Fields that are not known are passed over; check says what is missing.
func entries[T any](c *call, want string, take func(*T) error) error {
	dec := json.NewDecoder(c.r.Body)
	t, err := dec.Token()
	if err == nil && t != json.Delim('[') {
		err = errors.New("it is not a list")
	}
	if err != nil {
		return badBody(err, want)
	}
	for count := 0; dec.More(); count++ {
		if count == maxBodyIDs {
			return fail(http.StatusRequestEntityTooLarge, "Too many entries in request, at most %d", maxBodyIDs)
		}
		var entry T
		if err := dec.Decode(&entry); err != nil {
			return badBody(err, want)
		}
		if err := take(&entry); err != nil {
			return fail(http.StatusBadRequest, "Invalid entry %d: %v, want %s", count, err, want)
		}
	}
	if _, err := dec.Token(); err != nil {
		return badBody(err, want)
	}
	if err := atEnd(dec); err != nil {
		return badBody(err, want)
	}
	return nil
}

// number64 is a Uint64 of JSON that has to be there.
type number64 struct {
	value uint64
	given bool
}

// UnmarshalJSON reads decimal digits in quotes.
func (n *number64) UnmarshalJSON(text []byte) error {
	var digits string
	if err := json.Unmarshal(text, &digits); err != nil {
		return err
	}
	value, ok := parseNumber(digits)
	if !ok {
		return errors.New("value " + clip(digits) + " is no decimal number below 2**64")
	}
	n.value, n.given = value, true
	return nil
}

// lacking names the first number that is not there.
func lacking(names []string, numbers ...number64) error {
	for i, n := range numbers {
		if !n.given {
			return errors.New(names[i] + " is missing")
		}
	}
	return nil
}

// prepareProposers takes note of where the payments of blocks go. Spec: prepareBeaconProposer.
func (c *call) prepareProposers() error {
	var preparations []producer.Preparation
	var validators []types.ValidatorIndex
	type preparation struct {
		Validator number64 `json:"validator_index"`
		Recipient string   `json:"fee_recipient"`
	}
	err := entries(c, `a list such as [{"validator_index":"1","fee_recipient":"0xabcf8e0d4e9587369b2301d0790347320302cc09"}]`, func(p *preparation) error {
		var address types.ExecutionAddress
		if !parseHex(p.Recipient, address[:]) {
			return errors.New("fee_recipient is " + clip(p.Recipient))
		}
		preparations = append(preparations, producer.Preparation{Validator: types.ValidatorIndex(p.Validator.value), FeeRecipient: address})
		validators = append(validators, types.ValidatorIndex(p.Validator.value))
		return lacking([]string{"validator_index"}, p.Validator)
	})
	if err != nil {
		return err
	}
	if c.n.Producer == nil {
		return busy(0, "The node makes no blocks")
	}
	if err := c.n.Producer.Prepare(c.r.Context(), preparations); err != nil {
		return err
	}
	if c.n.Duties != nil {
		c.n.Duties.Attach(validators)
	}
	return c.done()
}

// subscribeCommittees takes note of seats in committees. Spec: prepareBeaconCommitteeSubnet.
func (c *call) subscribeCommittees() error {
	type subscription struct {
		Validator  number64 `json:"validator_index"`
		Committee  number64 `json:"committee_index"`
		Committees number64 `json:"committees_at_slot"`
		Slot       number64 `json:"slot"`
		Aggregator *bool    `json:"is_aggregator"`
	}
	names := []string{"validator_index", "committee_index", "committees_at_slot", "slot"}
	var seats []subnets.Committee
	err := entries(c, "a list of objects with validator_index, committee_index, committees_at_slot, slot and is_aggregator", func(s *subscription) error {
		if err := lacking(names, s.Validator, s.Committee, s.Committees, s.Slot); err != nil {
			return err
		}
		switch most := c.s.cfg.Spec.MaxCommitteesPerSlot; {
		case s.Aggregator == nil:
			return errors.New("is_aggregator is missing")
		case s.Committees.value == 0 || s.Committees.value > most:
			return fail(http.StatusBadRequest, "committees_at_slot is %d, at most %d", s.Committees.value, most)
		case s.Committee.value >= s.Committees.value:
			return fail(http.StatusBadRequest, "committee_index is %d of %d", s.Committee.value, s.Committees.value)
		}
		seats = append(seats, subnets.Committee{
			Validator: types.ValidatorIndex(s.Validator.value), Slot: types.Slot(s.Slot.value), Committee: types.CommitteeIndex(s.Committee.value),
			CommitteesAtSlot: s.Committees.value, Aggregator: *s.Aggregator,
		})
		return nil
	})
	if err != nil {
		return err
	}
	if err := c.synced(); err != nil {
		return err
	}
	if c.n.Duties == nil {
		return busy(0, "The node has no network")
	}
	c.n.Duties.SubscribeCommittees(seats)
	return c.done()
}

// subscribeSync takes note of seats in sync committees. Spec: prepareSyncCommitteeSubnets.
func (c *call) subscribeSync() error {
	type subscription struct {
		Validator number64   `json:"validator_index"`
		Positions []number64 `json:"sync_committee_indices"`
		Until     number64   `json:"until_epoch"`
	}
	var seats []subnets.Sync
	size := c.s.cfg.Spec.SyncCommitteeSize
	err := entries(c, "a list of objects with validator_index, sync_committee_indices and until_epoch", func(s *subscription) error {
		seat := subnets.Sync{Validator: types.ValidatorIndex(s.Validator.value), Until: types.Epoch(s.Until.value)}
		for _, p := range s.Positions {
			if p.value >= size {
				return fail(http.StatusBadRequest, "sync_committee_indices has %d, a committee has %d members", p.value, size)
			}
			seat.Positions = append(seat.Positions, p.value)
		}
		if len(seat.Positions) == 0 {
			return errors.New("sync_committee_indices is missing or empty")
		}
		seats = append(seats, seat)
		return lacking([]string{"validator_index", "until_epoch"}, s.Validator, s.Until)
	})
	if err != nil {
		return err
	}
	if now := c.n.Chain.Clock().CurrentEpoch(); c.s.cfg.Spec.ForkAtSlot(types.Slot(uint64(now)*c.s.cfg.Spec.SlotsPerEpoch)) < params.Altair {
		return fail(http.StatusBadRequest, "Epoch %d has no sync committees", now)
	}
	if c.n.Duties == nil {
		return busy(0, "The node has no network")
	}
	c.n.Duties.SubscribeSync(seats)
	return c.done()
}
