package api

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/recorded"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// What the server says of a chain that other clients made is what another client said of it.
func TestTheRecordedChainIsTold(t *testing.T) {
	t.Parallel()
	names := []string{"deneb-to-fulu", "fulu"}
	if testing.Short() {
		names = names[:1]
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, r := newRecorded(t, name)
			final := w.chain.Snapshot().FinalizedSlot

			t.Run("validators", func(t *testing.T) {
				var all struct{ Data []any }
				get(t, w, "/eth/v1/beacon/states/head/validators").into(&all)
				if len(all.Data) != len(r.Manifest.Validators) {
					t.Fatalf("%d validators, want %d", len(all.Data), len(r.Manifest.Validators))
				}
				for i, want := range r.Manifest.Validators {
					var validator any
					check(t, json.Unmarshal(want.Validator, &validator))
					expected := map[string]any{"index": want.Index, "balance": want.Balance, "status": want.Status, "validator": validator}
					if !reflect.DeepEqual(all.Data[i], expected) {
						t.Fatalf("validator %d is %v, want %v", i, all.Data[i], expected)
					}
				}
				for status, count := range r.Manifest.Statuses {
					get(t, w, "/eth/v1/beacon/states/head/validators?status="+status).into(&all)
					if len(all.Data) != count {
						t.Errorf("%d validators are %s, want %d", len(all.Data), status, count)
					}
				}
			})

			t.Run("blocks and headers", func(t *testing.T) {
				for i, want := range r.Manifest.Blocks {
					if i%7 != 0 && i < len(r.Manifest.Blocks)-2 {
						continue
					}
					path := fmt.Sprint("/eth/v1/beacon/headers/", want.Slot)
					v := get(t, w, path).flagged(false, want.Slot <= final && want.Slot <= finalizedBlock(w))
					var header struct {
						Root      string
						Canonical bool
						Header    struct {
							Message struct {
								StateRoot string `json:"state_root"`
							}
						}
					}
					check(t, json.Unmarshal(v.Data, &header))
					if header.Root != want.BlockRoot || !header.Canonical || header.Header.Message.StateRoot != want.StateRoot {
						t.Errorf("header of slot %d is %+v, want %+v", want.Slot, header, want)
					}
					fork := r.Spec.ForkAtSlot(want.Slot)
					cx := ssz.Context{Spec: r.Spec, Fork: fork}
					block := object[types.SignedBeaconBlock](w, "/eth/v2/beacon/blocks/"+want.BlockRoot, fork)
					have, err := ssz.HashTreeRoot(cx, ssz.Container(block))
					check(t, err)
					expected, err := ssz.HashTreeRoot(cx, ssz.Container(r.Blocks[i]))
					check(t, err)
					if have != expected {
						t.Errorf("block of slot %d differs", want.Slot)
					}
					if have := get(t, w, fmt.Sprint("/eth/v1/beacon/blocks/", want.Slot, "/root")).flagged(false, want.Slot <= finalizedBlock(w)).field(t, "root"); have != want.BlockRoot {
						t.Errorf("root of slot %d is %s, want %s", want.Slot, have, want.BlockRoot)
					}
					if have := get(t, w, fmt.Sprint("/eth/v1/beacon/states/", want.Slot, "/root")).wants(http.StatusOK); !bytes.Contains(have.body, []byte(want.StateRoot)) {
						t.Errorf("state root of slot %d is %s, want %s", want.Slot, have.body, want.StateRoot)
					}
				}
			})

			t.Run("finality", func(t *testing.T) {
				for _, e := range r.Manifest.Epochs {
					v := get(t, w, fmt.Sprint("/eth/v1/beacon/states/", e.AtSlot, "/finality_checkpoints")).flagged(false, e.AtSlot <= final)
					have := e.Finality
					have.Previous, have.Current, have.Finalized = recorded.Checkpoint{}, recorded.Checkpoint{}, recorded.Checkpoint{}
					check(t, json.Unmarshal(v.Data, &have))
					if have != e.Finality {
						t.Errorf("finality at slot %d is %+v, want %+v", e.AtSlot, have, e.Finality)
					}
				}
			})

			t.Run("states", func(t *testing.T) {
				if len(r.States) == 0 {
					t.Fatal("no states are recorded")
				}
				for slot, want := range r.States {
					a := get(t, w, fmt.Sprint("/eth/v2/debug/beacon/states/", slot), "Accept: application/octet-stream").wants(http.StatusOK)
					if !bytes.Equal(a.body, want) || a.header.Get("Eth-Consensus-Version") != r.Spec.ForkAtSlot(slot).String() {
						t.Errorf("state of slot %d of %s: %d bytes, want %d", slot, a.header.Get("Eth-Consensus-Version"), len(a.body), len(want))
					}
				}
				var text whole
				get(t, w, "/eth/v2/debug/beacon/states/head").into(&text)
				fork := r.Spec.ForkAtSlot(w.chain.Snapshot().Head.Slot)
				s := types.NewBeaconState(r.Spec, fork)
				check(t, ssz.UnmarshalJSON(s.Cx, text.Data, s.Node()))
				root, err := s.HashTreeRoot()
				check(t, err)
				if root.String() != r.Manifest.Head.StateRoot || text.Version != fork.String() {
					t.Errorf("the head's state has root %v, want %s", root, r.Manifest.Head.StateRoot)
				}
				// By its root it is found on the way of the head's state too, that of a slot without a block included.
				recent := r.Manifest.Blocks[len(r.Manifest.Blocks)-40]
				get(t, w, "/eth/v1/beacon/states/"+recent.StateRoot+"/fork").flagged(false, recent.Slot <= final)
				get(t, w, "/eth/v1/beacon/states/"+r.Manifest.Blocks[3].StateRoot+"/fork").wants(http.StatusNotFound).says(r.Manifest.Blocks[3].StateRoot)
			})

			t.Run("blobs", func(t *testing.T) { tellsBlobs(t, w, r.Blocks, r.Columns, r.Blobs) })
		})
	}
}

// get asks on behalf of a part of a story.
func get(t *testing.T, w *world, path string, headers ...string) *answer {
	t.Helper()
	a := w.get(path, headers...)
	a.t = t
	return a
}

func finalizedBlock(w *world) types.Slot {
	return w.chain.Block(w.chain.Snapshot().Finalized.Root).Slot
}

// tellsBlobs compares blobs and columns with recorded ones.
func tellsBlobs(t *testing.T, w *world, blocks []*types.SignedBeaconBlock, columns map[types.Slot][]*types.DataColumnSidecar, sidecars map[types.Slot][]*types.BlobSidecar) {
	seen := map[params.Fork]int{}
	for _, signed := range blocks {
		slot, body := signed.Message.Slot, &signed.Message.Body
		fork := w.spec.ForkAtSlot(slot)
		if len(body.BlobKZGCommitments) == 0 || seen[fork] > 1 {
			continue
		}
		seen[fork]++
		var want []string
		var octets []byte
		for i := range body.BlobKZGCommitments {
			var blob []byte
			if fork < params.Fulu {
				blob = sidecars[slot][i].Blob
			} else {
				for _, column := range columns[slot] {
					if column.Index < w.spec.NumberOfColumns/2 {
						blob = append(blob, column.Column[i]...)
					}
				}
			}
			want, octets = append(want, "0x"+hex.EncodeToString(blob)), append(octets, blob...)
		}
		path := fmt.Sprint("/eth/v1/beacon/blobs/", slot)
		var all struct{ Data []string }
		get(t, w, path).into(&all)
		if !reflect.DeepEqual(all.Data, want) {
			t.Errorf("slot %d: %d blobs, want %d, or others", slot, len(all.Data), len(want))
		}
		if a := get(t, w, path, "Accept: application/octet-stream").wants(http.StatusOK); !bytes.Equal(a.body, octets) {
			t.Errorf("slot %d: %d bytes of blobs, want %d", slot, len(a.body), len(octets))
		}
		last := len(want) - 1
		hash := types.Bytes32(transition.KZGCommitmentToVersionedHash(body.BlobKZGCommitments[last]))
		get(t, w, path+"?versioned_hashes="+hash.String()).into(&all)
		if len(all.Data) != 1 || all.Data[0] != want[last] {
			t.Errorf("slot %d: the blob by its hash is another one", slot)
		}
		get(t, w, path+"?versioned_hashes="+types.Root{1}.String()).into(&all)
		if len(all.Data) != 0 {
			t.Errorf("slot %d: %d blobs of a hash that none has", slot, len(all.Data))
		}
		path = fmt.Sprint("/eth/v1/debug/beacon/data_column_sidecars/", slot)
		if fork < params.Fulu {
			get(t, w, path).wants(http.StatusBadRequest).says("fulu")
			continue
		}
		a := get(t, w, path+"?indices=3,5", "Accept: application/octet-stream").wants(http.StatusOK)
		var have []types.DataColumnSidecar
		cx := ssz.Context{Spec: w.spec, Fork: fork}
		check(t, ssz.Unmarshal(cx, a.body, ssz.List(&have, ssz.Cap(w.spec.NumberOfColumns, false))))
		if len(have) != 2 || have[0].Index != 3 || have[1].Index != 5 || !reflect.DeepEqual(have[0].Column, columns[slot][3].Column) {
			t.Errorf("slot %d: %d columns, or others than asked for", slot, len(have))
		}
		var text whole
		get(t, w, path+"?indices=5").into(&text)
		var again []types.DataColumnSidecar
		check(t, ssz.UnmarshalJSON(cx, text.Data, ssz.List(&again, ssz.Cap(w.spec.NumberOfColumns, false))))
		if len(again) != 1 || !reflect.DeepEqual(again[0], have[1]) {
			t.Errorf("slot %d: the column in JSON is another one", slot)
		}
	}
	if len(seen) == 0 {
		t.Error("no block has blobs")
	}
}
