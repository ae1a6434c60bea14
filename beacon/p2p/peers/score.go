package peers

import (
	"math"
	"time"
)

// Offence is a class of what a peer does wrong.
type Offence uint8

// The offences.
const (
	// Slow is no answer in time, or a stream that broke.
	Slow Offence = iota
	// Useless is an answer that is correct and of no use.
	Useless
	// Wrong is a message that breaks a rule of the protocol.
	Wrong
	// Unheard is a peer whose gossip is not listened to any more. It is left.
	Unheard
	// Fatal is what nobody does by mistake. The peer is banned.
	Fatal
	offences
)

// offenceRow is what an offence is called and what it costs.
type offenceRow struct {
	name string
	cost float64
}

// offenceTable is never written to. 10 answers in a row that are late, or two messages that break rules, are enough to be left; a peer
// that comes back and goes on is banned.
var offenceTable = [offences]offenceRow{
	Slow:    {"slow", 2},
	Useless: {"useless", 5},
	Wrong:   {"wrong", 10},
	Unheard: {"unheard", -leaveBelow},
	Fatal:   {"fatal", worst},
}

// String is the offence's name in logs and metrics.
func (o Offence) String() string {
	if o >= offences {
		return "unknown"
	}
	return offenceTable[o].name
}

// Scores go from 0 down.
const (
	worst       = 100.0
	leaveBelow  = -20.0 // a peer is left
	banBelow    = -50.0 // and banned
	forgiven    = -10.0 // above this a peer that was left may come back
	halfLife    = 10 * time.Minute
	banTime     = time.Hour
	mostRepeats = 5 // each ban in a row lasts twice as long, so many times
)

// score is a number that halves with every halfLife.
type score struct {
	value float64 // at the time
	time  time.Time
	bans  int
}

func (s *score) at(now time.Time) float64 {
	if s.value == 0 || !now.After(s.time) {
		return s.value
	}
	return s.value * math.Exp2(-float64(now.Sub(s.time))/float64(halfLife))
}

func (s *score) add(now time.Time, delta float64) float64 {
	s.value = max(-worst, min(0, s.at(now)+delta))
	s.time = later(s.time, now)
	return s.value
}

// Penalise thinks less of a peer, and leaves and bans it when that is too little. Trusted peers are left alone.
func (m *Manager) Penalise(now time.Time, id string, o Offence) []Action {
	if o >= offences {
		o = Fatal
	}
	p := m.known(id, now)
	if p.trusted {
		return nil
	}
	value := p.score.add(now, -offenceTable[o].cost)
	if value <= banBelow && !p.banned.After(now) {
		p.banned = now.Add(banTime << min(p.score.bans, mostRepeats))
		p.score.bans++
		return m.leave(now, p, GoodbyeBanned, "banned after: "+o.String())
	}
	if value <= leaveBelow {
		return m.leave(now, p, GoodbyeBadScore, "score too low after: "+o.String())
	}
	return nil
}
