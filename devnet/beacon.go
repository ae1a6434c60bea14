package devnet

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// beacon is the API of one beacon node.
type beacon struct {
	spec *params.Spec
	url  string
}

func (b *beacon) get(ctx context.Context, path string, data any) error {
	body, err := ask(ctx, http.MethodGet, b.url+path, "application/json", nil, nil)
	if err != nil {
		return err
	}
	answer := struct {
		Data any `json:"data"`
	}{data}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// identity is the peer id of the node.
func (b *beacon) identity(ctx context.Context) (string, error) {
	var data struct {
		PeerID string `json:"peer_id"`
	}
	err := b.get(ctx, "/eth/v1/node/identity", &data)
	return data.PeerID, err
}

// synced tells whether the node is at the chain's head, as far as it knows.
func (b *beacon) synced(ctx context.Context) bool {
	var data struct {
		Syncing bool `json:"is_syncing"`
	}
	return b.get(ctx, "/eth/v1/node/syncing", &data) == nil && !data.Syncing
}

func (b *beacon) peers(ctx context.Context) (int, error) {
	var data struct {
		Connected int `json:"connected,string"`
	}
	err := b.get(ctx, "/eth/v1/node/peer_count", &data)
	return data.Connected, err
}

// head is the root and the slot of the node's head.
func (b *beacon) head(ctx context.Context) (root string, slot types.Slot, err error) {
	var data struct {
		Root   string `json:"root"`
		Header struct {
			Message struct {
				Slot uint64 `json:"slot,string"`
			} `json:"message"`
		} `json:"header"`
	}
	err = b.get(ctx, "/eth/v1/beacon/headers/head", &data)
	return data.Root, types.Slot(data.Header.Message.Slot), err
}

// block gives a block by its root or slot.
func (b *beacon) block(ctx context.Context, id string) (*types.SignedBeaconBlock, error) {
	data, err := ask(ctx, http.MethodGet, b.url+"/eth/v2/beacon/blocks/"+id, "application/octet-stream", nil, nil)
	if err != nil {
		return nil, err
	}
	signed, _, err := types.DecodeSignedBeaconBlock(b.spec, data)
	return signed, err
}

// state gives a state by its root, with what follows from it.
func (b *beacon) state(ctx context.Context, env *transition.Env, id string) (*transition.State, error) {
	data, err := ask(ctx, http.MethodGet, b.url+"/eth/v2/debug/beacon/states/"+id, "application/octet-stream", nil, nil)
	if err != nil {
		return nil, err
	}
	decoded, err := types.DecodeBeaconState(b.spec, data)
	if err != nil {
		return nil, err
	}
	return transition.NewState(decoded, env)
}

// pool gives the votes that the node keeps for blocks.
func (b *beacon) pool(ctx context.Context) ([]types.Attestation, error) {
	var data []json.RawMessage
	if err := b.get(ctx, "/eth/v2/beacon/pool/attestations", &data); err != nil {
		return nil, err
	}
	votes := make([]types.Attestation, len(data))
	for i, raw := range data {
		var peek struct {
			Data struct {
				Slot uint64 `json:"slot,string"`
			} `json:"data"`
		}
		if err := json.Unmarshal(raw, &peek); err != nil {
			return nil, fmt.Errorf("vote of the pool: %w", err)
		}
		cx := ssz.Context{Spec: b.spec, Fork: b.spec.ForkAtSlot(types.Slot(peek.Data.Slot))}
		if err := ssz.UnmarshalJSON(cx, raw, ssz.Container(&votes[i])); err != nil {
			return nil, fmt.Errorf("vote of the pool: %w", err)
		}
	}
	return votes, nil
}

// submit hands a message in.
func (b *beacon) submit(ctx context.Context, path string, fork params.Fork, message ssz.Object, list bool) error {
	body, err := ssz.MarshalJSON(ssz.Context{Spec: b.spec, Fork: fork}, ssz.Container(message))
	if err != nil {
		return err
	}
	if list {
		body = slices.Concat([]byte("["), body, []byte("]"))
	}
	_, err = ask(ctx, http.MethodPost, b.url+path, "application/json", body, http.Header{"Eth-Consensus-Version": {fork.String()}})
	return err
}

// event is a block event of a node's stream, or the error of a stream that the node does not open.
type event struct {
	node int
	data []byte
	err  error
}

// maxEvent bounds one line of the stream.
const maxEvent = 1 << 20

// blocks hands on the block events of the node's stream until it breaks.
func (b *beacon) blocks(ctx context.Context, node int, to chan<- event) error {
	const path = "/eth/v1/events?topics=block"
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+path, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "text/event-stream")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return &answerError{path, answer.StatusCode, answer.Status}
	}
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, maxEvent)
	for lines.Scan() {
		value, ok := strings.CutPrefix(lines.Text(), "data:")
		if !ok {
			continue
		}
		select {
		case to <- event{node: node, data: []byte(value)}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return fmt.Errorf("event stream of %s ended", b.url)
}
