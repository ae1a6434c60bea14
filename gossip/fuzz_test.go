package gossip

import (
	"errors"
	"testing"

	"github.com/golang/snappy"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
)

// Whatever comes on a topic is decoded to something that encodes to the same content, or refused as ErrPayload; its id can be computed
// in any case.
func FuzzMessages(f *testing.F) {
	n := testNetwork(f)
	for i, kind := range Kinds() {
		for _, fork := range []params.Fork{params.Phase0, params.Deneb, params.Fulu, params.Gloas} {
			if !kind.In(fork) {
				continue
			}
			plain, err := ssz.Marshal(ssz.Context{Spec: n.spec, Fork: fork}, ssz.Container(kind.New(fork)))
			check(f, err)
			f.Add(byte(i), byte(fork), snappy.Encode(nil, plain))
		}
	}
	f.Fuzz(func(t *testing.T, k, era byte, data []byte) {
		topic, err := n.Topic(Kind(k%byte(kinds)), 0, n.eras[int(era)%len(n.eras)].Epoch)
		if err != nil {
			return
		}
		id := n.MessageID(topic.String(), data)
		object, err := n.Decode(topic, data)
		if err != nil {
			if !errors.Is(err, ErrPayload) {
				t.Fatalf("%v: %v", topic, err)
			}
			return
		}
		again, err := n.Encode(topic, object)
		if err != nil {
			t.Fatalf("%v: what was decoded cannot be encoded: %v", topic, err)
		}
		if other := n.MessageID(topic.String(), again); other != id {
			t.Fatalf("%v: id %x of the same content, want %x", topic, other, id)
		}
	})
}

// Messages of the stage's own preset reach the rules, none of which may panic or accept what nobody signed.
func FuzzRules(f *testing.F) {
	for i, kind := range Kinds() {
		for _, fork := range []params.Fork{params.Phase0, params.Fulu, params.Gloas} {
			if kind.In(fork) {
				s := newStage(f, fork, 3)
				plain, err := ssz.Marshal(ssz.Context{Spec: s.spec, Fork: fork}, ssz.Container(kind.New(fork)))
				check(f, err)
				f.Add(byte(i), byte(fork), uint64(20_000), plain)
			}
		}
	}
	f.Fuzz(func(t *testing.T, k, fork byte, now uint64, plain []byte) {
		kind, at := Kind(k%byte(kinds)), params.Fork(fork%byte(params.Gloas+1))
		if !kind.In(at) {
			return
		}
		s := newStage(t, at, 3)
		object := kind.New(at)
		if ssz.Unmarshal(ssz.Context{Spec: s.spec, Fork: at}, plain, ssz.Container(object)) != nil {
			return
		}
		checked, d := s.rules.Check(Topic{Kind: kind, Fork: at}, object, now).Conclude()
		if d.Verdict == Accept || checked != nil {
			t.Fatalf("%v accepted", kind)
		}
		if d.Rule == "" || d.Error() == "" {
			t.Fatalf("%v without a rule", d.Verdict)
		}
	})
}

func FuzzTopic(f *testing.F) {
	n := testNetwork(f)
	for _, topic := range n.Topics(69, Interests{AttestationSubnets: []uint64{5}, ColumnSubnets: []uint64{6}}) {
		f.Add(topic.String())
	}
	f.Fuzz(func(t *testing.T, text string) {
		topic, err := n.Parse(text)
		switch {
		case err == nil && topic.String() != text:
			t.Fatalf("%q is parsed as %v", text, topic)
		case err != nil && !errors.Is(err, ErrTopic):
			t.Fatal(err)
		}
	})
}

func FuzzPartialMessages(f *testing.F) {
	n := testNetwork(f)
	f.Add(byte(0), []byte{0, 1, 2})
	f.Add(byte(1), make([]byte, 41))
	f.Fuzz(func(t *testing.T, which byte, data []byte) {
		fork := params.Fulu + params.Fork(which%2)
		group, known, err := n.DecodePartialGroupID(fork, data)
		if known && err == nil {
			if id, err := n.EncodePartialGroupID(fork, group); err != nil || string(id) != string(data) {
				t.Fatalf("group id %x becomes %x, %v", data, id, err)
			}
		}
		if m, err := n.DecodePartsMetadata(fork, data); err == nil && m.Available.Len() > 8*uint64(len(data)) {
			t.Fatalf("%d bits from %d bytes", m.Available.Len(), len(data))
		}
		if p, err := n.DecodePartial(fork, data); err == nil && len(p.PartialColumn) > len(data) {
			t.Fatalf("%d cells from %d bytes", len(p.PartialColumn), len(data))
		}
	})
}
