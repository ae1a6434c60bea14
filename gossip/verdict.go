package gossip

import (
	"fmt"

	"github.com/cresset/cresset/beacon/types"
)

// Verdict is what becomes of a message.
type Verdict uint8

// The verdicts. Whatever was not decided is rejected.
const (
	Reject Verdict = iota // it breaks a rule: not passed on, and held against whoever sent it
	Ignore                // not passed on
	Accept                // passed on and used
	Defer                 // not passed on yet: to be checked again when what it waits for has come; Ignore for whoever cannot keep it
)

func (v Verdict) String() string {
	switch v {
	case Reject:
		return "reject"
	case Ignore:
		return "ignore"
	case Accept:
		return "accept"
	case Defer:
		return "defer"
	}
	return fmt.Sprintf("Verdict(%d)", uint8(v))
}

// Rule names a rule by what it says of a message that breaks it. The names are the specification's.
type Rule string

// Rules that several topics share, and those that are not one of the specification's functions.
const (
	// RuleForkOfTopic is "Clients MUST reject messages containing an incorrect type" (phase0), said of a message whose own slot is of
	// another fork than its topic.
	RuleForkOfTopic Rule = "message is of another fork than its topic"
	// RuleNotBegun is "Messages can be IGNORED on the post-fork topics" (altair).
	RuleNotBegun Rule = "fork of the topic has not begun"
	// RuleType is "Clients MUST reject messages containing an incorrect type" (phase0).
	RuleType Rule = "message is not of its topic's type"
	// RuleAtHand says that the chain has not at hand what a rule needs. Nothing is wrong with the message.
	RuleAtHand Rule = "what the rule needs is not at hand"
)

// WaitKind says what a deferred message waits for.
type WaitKind uint8

// What a deferred message waits for.
const (
	WaitNothing WaitKind = iota
	WaitSlot             // the beginning of a slot
	WaitBlock            // the import of a block
	WaitPayload          // the import of the payload of a block
	WaitState            // a state of a block's chain, which is not in memory; it is not to be computed for this message's sake
)

func (k WaitKind) String() string {
	switch k {
	case WaitNothing:
		return "nothing"
	case WaitSlot:
		return "slot"
	case WaitBlock:
		return "block"
	case WaitPayload:
		return "payload"
	case WaitState:
		return "state"
	}
	return fmt.Sprintf("WaitKind(%d)", uint8(k))
}

// Wait is what a deferred message waits for.
type Wait struct {
	Kind WaitKind
	Slot types.Slot // of WaitSlot
	Root types.Root // the block of the others
}

// Decision is what becomes of a message and why. The zero value rejects.
type Decision struct {
	Verdict Verdict
	Rule    Rule  // that it breaks; empty if it is accepted
	Wait    Wait  // of Defer
	Err     error // what is wrong, with both values; nil if it is accepted
	// Seen says that nothing is wrong but that the message, or another one in its place, was accepted before.
	Seen bool
}

// Error makes a Decision that is not Accept an error, for logs.
func (d Decision) Error() string {
	if d.Err == nil {
		return fmt.Sprintf("%v: %s", d.Verdict, d.Rule)
	}
	return fmt.Sprintf("%v: %s: %v", d.Verdict, d.Rule, d.Err)
}

// Unwrap gives the reason to errors.Is.
func (d Decision) Unwrap() error { return d.Err }

// accepted is no objection, of a part of the rules as of all of them.
var accepted = Decision{Verdict: Accept}

// ok tells whether no rule was broken.
func (d Decision) ok() bool { return d.Verdict == Accept }

// mismatch is two values that do not fit each other. Its text is made only when it is asked for.
type mismatch struct{ have, want any }

func (m *mismatch) Error() string { return fmt.Sprintf("have %v, want %v", m.have, m.want) }

func reject(rule Rule, have, want any) Decision {
	return Decision{Verdict: Reject, Rule: rule, Err: &mismatch{have, want}}
}

func ignore(rule Rule, have, want any) Decision {
	return Decision{Verdict: Ignore, Rule: rule, Err: &mismatch{have, want}}
}

// seenBefore ignores a message because it, or another one in its place, was accepted before.
func seenBefore(rule Rule, have, want any) Decision {
	d := ignore(rule, have, want)
	d.Seen = true
	return d
}

// rejectFor is a rule that a function checked, with the function's error.
func rejectFor(rule Rule, err error) Decision { return Decision{Verdict: Reject, Rule: rule, Err: err} }

func deferred(rule Rule, kind WaitKind, root types.Root) Decision {
	return Decision{Verdict: Defer, Rule: rule, Wait: Wait{Kind: kind, Root: root}, Err: &mismatch{"none", fmt.Stringer(root)}}
}

// notAtHand defers a message for a state of a block's chain.
func notAtHand(root types.Root) Decision { return deferred(RuleAtHand, WaitState, root) }
