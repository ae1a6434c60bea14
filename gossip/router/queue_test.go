package router

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cresset/cresset/gossip"
)

func nobody(string) bool { return false }

func small(length int, d drop) row {
	return row{length: length, bytes: 1 << 20, workers: 1, flush: 1, most: 4, drop: d}
}

// from makes the n-th message of a peer.
func from(peer string, n int) *message {
	return &message{peer: peer, name: fmt.Sprint(peer, n), data: make([]byte, 100), verdict: make(chan gossip.Verdict, 1)}
}

func names(messages []*message) string {
	var out []string
	for _, m := range messages {
		out = append(out, m.name)
	}
	return strings.Join(out, " ")
}

func TestAFullQueueDropsByItsPolicy(t *testing.T) {
	for d, want := range map[drop]string{dropNewest: "a1 a2", dropOldest: "a2 a3"} {
		q := newQueue(small(2, d), nobody)
		var dropped []*message
		for n := 1; n <= 3; n++ {
			dropped = append(dropped, q.push(from("a", n), time.Now())...)
		}
		if len(dropped) != 1 {
			t.Errorf("%v: dropped %q, want one", d, names(dropped))
		}
		if got := names(q.take()); got != want {
			t.Errorf("%v: kept %q, want %q", d, got, want)
		}
	}
}

func TestAPeerThatFloodsFillsItsOwnShareOnly(t *testing.T) {
	for _, d := range []drop{dropNewest, dropOldest} {
		q := newQueue(small(8, d), nobody)
		for n := range 4 {
			q.push(from("b", n), time.Now())
		}
		for n := range 100 {
			for _, gone := range q.push(from("flood", n), time.Now()) {
				if gone.peer != "flood" {
					t.Fatalf("%v: %s had to go for the flood", d, gone.name)
				}
			}
		}
		for range 2 { // and who comes later gets its share
			for _, gone := range q.push(from("c", 0), time.Now()) {
				if gone.peer == "c" {
					t.Fatalf("%v: a latecomer found no room", d)
				}
			}
		}
	}
}

func TestABatchTakesFromAllPeersInTurn(t *testing.T) {
	q := newQueue(small(100, dropNewest), nobody)
	for n := range 5 {
		q.push(from("a", n), time.Now())
	}
	q.push(from("b", 0), time.Now())
	q.push(from("c", 0), time.Now())
	if got := names(q.take()); got != "a0 b0 c0 a1" {
		t.Errorf("batch is %q, want a0 b0 c0 a1", got)
	}
	if got := names(q.take()); got != "a2 a3 a4" {
		t.Errorf("batch is %q, want a2 a3 a4", got)
	}
	if q.count != 0 || q.bytes != 0 || len(q.byPeer) != 0 {
		t.Errorf("the empty queue has %d messages, %d bytes, %d lanes", q.count, q.bytes, len(q.byPeer))
	}
}

func TestAQueueIsBoundedByBytes(t *testing.T) {
	r := small(100, dropOldest)
	r.bytes = 3 * (100 + messageOverhead)
	q := newQueue(r, nobody)
	for n := range 5 {
		q.push(from("a", n), time.Now())
	}
	big := from("b", 0)
	big.data = make([]byte, r.bytes)
	if gone := q.push(big, time.Now()); len(gone) != 1 || gone[0] != big {
		t.Errorf("a message larger than the queue drives out %q", names(gone))
	}
	if got := names(q.take()); got != "a2 a3 a4" {
		t.Errorf("kept %q, want a2 a3 a4", got)
	}
}

func TestSuspectsAreCheckedApart(t *testing.T) {
	q := newQueue(small(100, dropNewest), func(peer string) bool { return peer == "bad" || peer == "worse" })
	for n := range 6 {
		for _, peer := range []string{"bad", "worse", "a", "b"} {
			q.push(from(peer, n), time.Now())
		}
	}
	batches := 0
	for q.count > 0 {
		batches++
		mixed := map[string]bool{}
		for _, m := range q.take() {
			mixed[m.peer] = true
		}
		if (mixed["bad"] || mixed["worse"]) && len(mixed) > 1 {
			t.Errorf("batch %d mixes a suspect's messages with those of %v", batches, mixed)
		}
		if batches == suspectsTurn && !mixed["bad"] && !mixed["worse"] {
			t.Error("suspects do not get their turn")
		}
	}
}

func TestASuspectIsWhoOftenSendsBadMessages(t *testing.T) {
	s := newSuspects()
	s.count("now and then", 99, 1)
	s.count("always", 0, 3)
	if s.is("now and then") || !s.is("always") || s.is("nobody") {
		t.Error("wrong suspects")
	}
	for range 30 {
		s.count("always", 64, 0)
	}
	if s.is("always") {
		t.Error("who does better stays a suspect")
	}
	for n := range 2 * recordsKept {
		s.count(fmt.Sprint("peer ", n), 0, 1)
	}
	if n := len(s.mu.peers); n > recordsKept {
		t.Errorf("%d peers are remembered, want at most %d", n, recordsKept)
	}
}

func TestABatchBeginsWhenEnoughWaitOrTheFirstHasWaited(t *testing.T) {
	r := small(100, dropNewest)
	r.flush = 3
	q := newQueue(r, nobody)
	now := time.Now()
	q.push(from("a", 0), now)
	if ready, wait := q.ready(now.Add(20 * time.Millisecond)); ready || wait != 30*time.Millisecond {
		t.Errorf("one message: ready is %v, in %v; want false, in 30ms", ready, wait)
	}
	if ready, _ := q.ready(now.Add(flushAfter)); !ready {
		t.Error("not ready after the first message has waited")
	}
	q.push(from("a", 1), now)
	q.push(from("a", 2), now)
	if ready, _ := q.ready(now); !ready {
		t.Error("not ready with enough messages")
	}
	q.busy = 1
	if ready, _ := q.ready(now); ready {
		t.Error("ready with all workers busy")
	}
}

func TestEveryKindHasAQueueAndThePageSaysWhich(t *testing.T) {
	page, err := os.ReadFile("../../docs/gossip.md")
	check(t, err)
	for _, k := range gossip.Kinds() {
		r := queues[k]
		if r.length == 0 || r.bytes < 1<<20 || r.workers == 0 || r.flush == 0 || r.most < r.flush {
			t.Errorf("%v has no proper queue: %+v", k, r)
		}
		line := fmt.Sprintf("| %v | %d | %d MiB | %d | %d | %d | %d | %v |", k, r.length, r.bytes>>20, r.workers, r.priority, r.flush, r.most, r.drop)
		if !strings.Contains(string(page), line+"\n") {
			t.Errorf("docs/gossip.md lacks the line\n%s", line)
		}
	}
}
