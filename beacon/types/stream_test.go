package types_test

import (
	"bytes"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/recorded"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// pieces counts what is written at a time.
type pieces struct {
	bytes.Buffer
	longest int
}

func (p *pieces) Write(b []byte) (int, error) {
	p.longest = max(p.longest, len(b))
	return p.Buffer.Write(b)
}

// What is written piece by piece is what the visitors give in one piece, for states of every fork.
func TestStreamsEqualTheWhole(t *testing.T) {
	var states []*types.BeaconState
	for fork := params.Phase0; fork <= params.Gloas; fork++ {
		spec, err := simnet.Spec(fork)
		if err != nil {
			t.Fatal(err)
		}
		n, err := simnet.New(spec, 200, 1_700_000_000)
		if err != nil {
			t.Fatal(err)
		}
		states = append(states, n.GenesisState())
	}
	c, err := recorded.Load("fulu")
	if err != nil {
		t.Fatal(err)
	}
	for slot, encoded := range c.States {
		s, err := types.DecodeBeaconState(c.Spec, encoded)
		if err != nil {
			t.Fatalf("state of slot %d: %v", slot, err)
		}
		states = append(states, s)
	}
	states = append(states, types.NewBeaconState(c.Spec, params.Fulu)) // one in which nothing was set
	for _, s := range states {
		want, err := ssz.Marshal(s.Cx, s.Node())
		if err != nil {
			t.Fatal(err)
		}
		var have pieces
		if err := ssz.WriteSSZ(s.Cx, s.Node(), &have); err != nil || !bytes.Equal(have.Bytes(), want) {
			t.Errorf("%v: %d bytes, want %d: %v", s.Cx.Fork, have.Len(), len(want), err)
		}
		if have.longest > 2*64<<10 {
			t.Errorf("%v: %d bytes at a time", s.Cx.Fork, have.longest)
		}
		text, err := ssz.MarshalJSON(s.Cx, s.Node())
		if err != nil {
			t.Fatal(err)
		}
		have = pieces{}
		if err := ssz.WriteJSON(s.Cx, s.Node(), &have); err != nil || !bytes.Equal(have.Bytes(), text) {
			t.Errorf("%v: %d bytes of JSON, want %d: %v", s.Cx.Fork, have.Len(), len(text), err)
		}
		if have.longest > 2*64<<10 {
			t.Errorf("%v: %d bytes of JSON at a time", s.Cx.Fork, have.longest)
		}
	}
}
