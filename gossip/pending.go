package gossip

import (
	"errors"
	"fmt"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/types"
)

// steps is the rules of a topic in two halves. Before runs the rules up to the first signature that matters and collects what the
// signatures state; after runs the rest and marks the message as seen. After is called at most once, if before objected to nothing and
// all statements hold.
type steps[C any] interface {
	before(*statements) Decision
	after() (C, Decision)
}

// statements is what the signatures of a message state, in the order of their rules.
type statements struct {
	rules    []Rule
	sets     []bls.Set
	wrong    Decision // the first rule whose signature does not verify
	verified bool
}

// add collects a statement: key (a sum of keys, as a rule) signed a root.
func (s *statements) add(rule Rule, key *bls.PublicKey, root types.Root, signature types.BLSSignature) {
	s.addSet(rule, bls.Set{Keys: []*bls.PublicKey{key}, Message: root, Signature: signature})
}

func (s *statements) addSet(rule Rule, set bls.Set) {
	s.rules, s.sets = append(s.rules, rule), append(s.sets, set)
}

// settle records the result of a verification. Of several wrong signatures the first in order counts.
func (s *statements) settle(of int, err error) {
	if s.wrong.Err == nil {
		s.wrong = rejectFor(s.rules[of], err)
	}
}

// Candidate is a message under check, of any topic. The only implementation is Pending.
type Candidate interface {
	// Conclude is Pending.Finish without the type of what it returns: a pointer to one of the Checked types, nil unless accepted.
	Conclude() (Checked, Decision)
	open() *statements
}

// Checked is a message that broke no rule: one of the Checked types.
type Checked interface{ checked() }

// Pending is a message that broke none of the rules before its signatures, or that is decided already.
type Pending[C Checked] struct {
	steps   steps[C]
	decided Decision // not Accept: decided before its signatures
	collect statements
}

// begin runs the first half of a check.
func begin[C Checked](s steps[C]) *Pending[C] {
	p := &Pending[C]{steps: s}
	p.decided = s.before(&p.collect)
	return p
}

// open gives what is left to verify, nil if nothing is.
func (p *Pending[C]) open() *statements {
	if !p.decided.ok() || p.collect.verified || len(p.collect.sets) == 0 {
		return nil
	}
	return &p.collect
}

// Finish runs the second half of a check: the rules after the signatures, and the mark as seen. Signatures that were not verified with
// others are verified now. What it returns first is set if and only if the verdict is Accept. It is called once.
func (p *Pending[C]) Finish() (checked C, d Decision) {
	if !p.decided.ok() {
		return checked, p.decided
	}
	Verify(p)
	if p.collect.wrong.Err != nil {
		return checked, p.collect.wrong
	}
	c, d := p.steps.after()
	if !d.ok() {
		return checked, d
	}
	return c, d
}

// Conclude implements Candidate.
func (p *Pending[C]) Conclude() (Checked, Decision) {
	c, d := p.Finish()
	if !d.ok() {
		return nil, d
	}
	return c, d
}

// Verify verifies the signatures of many messages, of any topics, in one batch: those that share a signing root share a pairing. Each
// message learns which of its own are wrong. Messages without signatures, or decided already, are passed over.
func Verify(candidates ...Candidate) {
	type place struct {
		s  *statements
		of int
	}
	var sets []bls.Set
	var places []place
	for _, c := range candidates {
		s := c.open()
		if s == nil {
			continue
		}
		s.verified = true
		for i := range s.sets {
			sets, places = append(sets, s.sets[i]), append(places, place{s, i})
		}
	}
	if len(sets) == 0 {
		return
	}
	err := bls.VerifyBatch(sets)
	var wrong *bls.BatchError
	switch {
	case err == nil:
	case errors.As(err, &wrong):
		for i, culprit := range wrong.Culprits {
			places[culprit].s.settle(places[culprit].of, wrong.Reasons[i])
		}
	default: // no verdict on any of them
		for _, p := range places {
			p.s.settle(p.of, fmt.Errorf("verify signatures: %w", err))
		}
	}
}
