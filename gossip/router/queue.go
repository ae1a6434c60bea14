package router

import (
	"time"

	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/gossip"
)

// message is one message under way.
type message struct {
	topic  gossip.Topic
	name   string // of the topic, on the wire
	peer   string
	data   []byte // as it came
	object ssz.Object
	now    uint64 // when it came or is checked again, in milliseconds since genesis
	tries  int    // how often it was deferred
	// verdict takes the first verdict. It has room for it, so that nobody waits.
	verdict chan gossip.Verdict
}

func (m *message) size() int { return len(m.data) + messageOverhead }

// say gives the verdict on a message to whoever waits for it; a second one is for nobody.
func (m *message) say(v gossip.Verdict) {
	select {
	case m.verdict <- v:
	default:
	}
}

// lane is the messages of one peer, oldest first.
type lane struct {
	peer  string
	items []*message
	bytes int
}

// queue is the messages of one kind that wait, a lane for each peer. Batches take from all lanes in turn, and where there is no room the
// longest lane gives: a peer that floods fills its own share only. It has no lock of its own.
type queue struct {
	row
	// suspect tells whether a peer has sent bad messages lately; its messages are not mixed with others'.
	suspect func(peer string) bool

	byPeer map[string]*lane
	ring   []*lane // those with messages
	next   int     // in ring: whose turn it is
	count  int
	bytes  int
	since  time.Time // when it was empty last
	turn   int       // counts batches
	busy   int       // batches under way
}

func newQueue(r row, suspect func(string) bool) *queue {
	return &queue{row: r, suspect: suspect, byPeer: map[string]*lane{}}
}

// push adds a message and gives those that have to go for it, which may be the message itself.
func (q *queue) push(m *message, now time.Time) (dropped []*message) {
	if m.size() > q.row.bytes {
		return []*message{m}
	}
	if q.count == 0 {
		q.since = now
	}
	l := q.byPeer[m.peer]
	if l == nil {
		l = &lane{peer: m.peer}
		q.byPeer[m.peer] = l
		q.ring = append(q.ring, l)
	}
	l.items = append(l.items, m)
	l.bytes += m.size()
	q.count++
	q.bytes += m.size()
	for q.count > q.length || q.bytes > q.row.bytes {
		dropped = append(dropped, q.drop(q.longest()))
	}
	return dropped
}

// longest is the lane that takes most of what there is too little of.
func (q *queue) longest() (most *lane) {
	measure := func(l *lane) int { return len(l.items) }
	if q.bytes > q.row.bytes {
		measure = func(l *lane) int { return l.bytes }
	}
	for _, l := range q.ring {
		if most == nil || measure(l) > measure(most) {
			most = l
		}
	}
	return most
}

// drop removes a message of a lane, by the queue's policy.
func (q *queue) drop(l *lane) *message {
	at := 0
	if q.row.drop == dropNewest {
		at = len(l.items) - 1
	}
	return q.remove(l, at)
}

func (q *queue) remove(l *lane, at int) *message {
	m := l.items[at]
	if at == 0 {
		l.items[0] = nil
		l.items = l.items[1:]
	} else {
		l.items[at] = nil
		l.items = l.items[:at]
	}
	l.bytes -= m.size()
	q.count--
	q.bytes -= m.size()
	if len(l.items) == 0 {
		delete(q.byPeer, l.peer)
		for i := range q.ring {
			if q.ring[i] == l {
				q.ring = append(q.ring[:i], q.ring[i+1:]...)
				if q.next > i {
					q.next--
				}
				break
			}
		}
	}
	return m
}

// ready tells whether a batch can begin, and if not, how long until then; negative for as long as nothing comes.
func (q *queue) ready(now time.Time) (bool, time.Duration) {
	if q.count == 0 || q.busy >= q.workers {
		return false, -1
	}
	wait := flushAfter - now.Sub(q.since)
	if q.count >= q.flush || wait <= 0 {
		return true, 0
	}
	return false, wait
}

// suspectsTurn is which of so many batches is a suspect's while others wait, too.
const suspectsTurn = 4

// take removes a batch: messages of all peers in turn, but those of a suspect alone.
func (q *queue) take() (batch []*message) {
	var trusted, suspects []*lane
	for i := range q.ring {
		l := q.ring[(q.next+i)%len(q.ring)]
		if q.suspect(l.peer) {
			suspects = append(suspects, l)
		} else {
			trusted = append(trusted, l)
		}
	}
	q.turn++
	if len(suspects) > 0 && (len(trusted) == 0 || q.turn%suspectsTurn == 0) {
		trusted = suspects[:1]
	}
	q.next++ // the next batch begins with another peer
	for len(batch) < q.most && len(trusted) > 0 {
		rest := trusted[:0]
		for _, l := range trusted {
			if len(batch) == q.most {
				break
			}
			batch = append(batch, q.remove(l, 0))
			if len(l.items) > 0 {
				rest = append(rest, l)
			}
		}
		trusted = rest
	}
	if len(q.ring) > 0 {
		q.next %= len(q.ring)
	}
	return batch
}
