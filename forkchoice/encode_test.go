package forkchoice

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"slices"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// written is a store with a bit of everything.
func written(t testing.TB) (Config, []byte) {
	t.Helper()
	states := &evenStates{spec: worldSpec(0)}
	cfg := Config{Spec: states.spec, GenesisTime: 7, Anchor: Block{Root: types.Root{1}, ExecutionBlockHash: types.Hash32{1}}, States: states}
	store, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &story{store, new(testing.T), states, cfg}
	s.slot(1)
	s.add(2, 1, 1, func(b *Block) { b.ExecutionParentHash = types.Hash32{9} })
	s.must(s.OnExecutionPayloadEnvelope(root(2), Valid))
	s.must(s.OnPayloadAttestationMessage(PayloadVote{Root: root(2), Slot: 1, Validator: 3, Present: true}, false))
	s.slot(2)
	s.add(3, 2, 2)
	s.slot(3)
	s.must(s.vote(2, 2, 1, 0, 3))
	s.must(s.OnAttesterSlashing([]types.ValidatorIndex{5}))
	return cfg, s.Encode()
}

// reseal puts the checksum right after a change.
func reseal(data []byte) []byte {
	body := data[:len(data)-sha256.Size]
	sum := sha256.Sum256(body)
	return append(slices.Clone(body), sum[:]...)
}

func TestEncodingComesBack(t *testing.T) {
	cfg, data := written(t)
	s, err := Decode(cfg, data)
	if err != nil {
		t.Fatal(err)
	}
	if again := s.Encode(); !bytes.Equal(again, data) {
		t.Error("another encoding after decoding")
	}
	if s.votes.equivocators != 1 || !s.IsPayloadVerified(types.Root{2}) || s.GenesisTime() != 7 || s.Spec() != cfg.Spec {
		t.Error("something is lost")
	}
}

func TestDecodeRefuses(t *testing.T) {
	cfg, data := written(t)
	other := cfg
	other.GenesisTime++
	if _, err := Decode(other, data); !errors.Is(err, ErrEncoding) {
		t.Errorf("of another chain: %v", err)
	}
	fulu := cfg
	fulu.Spec = worldSpec(params.FarFutureEpoch)
	if _, err := Decode(fulu, data); !errors.Is(err, ErrEncoding) {
		t.Errorf("of another schedule: %v", err)
	}
	for n := range data {
		if _, err := Decode(cfg, data[:n]); !errors.Is(err, ErrEncoding) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
		if n >= sha256.Size+len(encodingName) {
			if _, err := Decode(cfg, reseal(data[:n])); !errors.Is(err, ErrEncoding) {
				t.Fatalf("cut to %d bytes and sealed: %v", n, err)
			}
		}
		changed := slices.Clone(data)
		changed[n] ^= 0x40
		if _, err := Decode(cfg, changed); !errors.Is(err, ErrEncoding) {
			t.Fatalf("byte %d changed: %v", n, err)
		}
	}
	if _, err := Decode(cfg, append(slices.Clone(data), 0)); !errors.Is(err, ErrEncoding) {
		t.Errorf("a byte more: %v", err)
	}
}

// checkDecodes decodes what may be anything; what is accepted has to be a store that works and comes back.
func checkDecodes(t *testing.T, cfg Config, data []byte) {
	s, err := Decode(cfg, data)
	if err != nil {
		if !errors.Is(err, ErrEncoding) {
			t.Fatal(err)
		}
		return
	}
	if again := s.Encode(); !bytes.Equal(again, data) {
		t.Fatal("decoded, and encoded differently")
	}
	if _, err := s.GetHead(); err != nil && !errors.Is(err, ErrJustifiedInvalid) {
		t.Fatal(err)
	}
	if err := s.OnFastConfirmation(); err != nil && !errors.Is(err, ErrJustifiedInvalid) {
		t.Fatal(err)
	}
	s.Prune()
	if _, err := s.Nodes(); err != nil && !errors.Is(err, ErrJustifiedInvalid) {
		t.Fatal(err)
	}
}

// Every byte of an encoding changed, under a right checksum.
func TestDecodeOfChangedBytes(t *testing.T) {
	cfg, data := written(t)
	for n := range len(data) - sha256.Size {
		for _, flip := range []byte{1, 2, 0x80, 0xff} {
			changed := slices.Clone(data)
			changed[n] ^= flip
			checkDecodes(t, cfg, reseal(changed))
		}
	}
}

func FuzzDecode(f *testing.F) {
	cfg, data := written(f)
	f.Add(data[:len(data)-sha256.Size])
	f.Fuzz(func(t *testing.T, body []byte) {
		checkDecodes(t, cfg, reseal(append(slices.Clone(body), make([]byte, sha256.Size)...)))
	})
}
