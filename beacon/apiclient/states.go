package apiclient

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/cresset/cresset/beacon/types"
)

// number is a decimal number in a string.
type number uint64

func (n *number) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	v, err := strconv.ParseUint(text, 10, 64)
	*n = number(v)
	return err
}

// root is 32 bytes in hexadecimal.
type root types.Root

func (r *root) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	digits, ok := strings.CutPrefix(text, "0x")
	raw, err := hex.DecodeString(digits)
	if !ok || err != nil || len(raw) != len(r) {
		return fmt.Errorf("root is %.80q, want 0x and 64 hexadecimal digits", text)
	}
	copy(r[:], raw)
	return nil
}

type checkpoint struct {
	Epoch number `json:"epoch"`
	Root  root   `json:"root"`
}

// Finality is the checkpoints of a state.
type Finality struct {
	PreviousJustified, CurrentJustified, Finalized types.Checkpoint
}

// FinalityCheckpoints gives the checkpoints of a state: "head", "finalized", a slot or a root.
func (c *Client) FinalityCheckpoints(ctx context.Context, state string) (Finality, error) {
	var data struct {
		Previous  *checkpoint `json:"previous_justified"`
		Current   *checkpoint `json:"current_justified"`
		Finalized *checkpoint `json:"finalized"`
	}
	if err := c.get(ctx, "/eth/v1/beacon/states/"+state+"/finality_checkpoints", &data); err != nil {
		return Finality{}, err
	}
	if data.Previous == nil || data.Current == nil || data.Finalized == nil {
		return Finality{}, fmt.Errorf("finality checkpoints of %s: one is missing", state)
	}
	of := func(p *checkpoint) types.Checkpoint {
		return types.Checkpoint{Epoch: types.Epoch(p.Epoch), Root: types.Root(p.Root)}
	}
	return Finality{of(data.Previous), of(data.Current), of(data.Finalized)}, nil
}

// BlockRoot gives the root of a block: "head", a slot or a root.
func (c *Client) BlockRoot(ctx context.Context, block string) (types.Root, error) {
	var data struct {
		Root *root `json:"root"`
	}
	if err := c.get(ctx, "/eth/v1/beacon/blocks/"+block+"/root", &data); err != nil {
		return types.Root{}, err
	}
	if data.Root == nil {
		return types.Root{}, fmt.Errorf("root of block %s is missing", block)
	}
	return types.Root(*data.Root), nil
}

// Block downloads a block in SSZ.
func (c *Client) Block(ctx context.Context, block string) ([]byte, error) {
	const most = 32 << 20
	return c.download(ctx, "/eth/v2/beacon/blocks/"+block, most, nil)
}

// State downloads a state in SSZ, of at most so many bytes.
func (c *Client) State(ctx context.Context, state string, most int64, progress Progress) ([]byte, error) {
	return c.download(ctx, "/eth/v2/debug/beacon/states/"+state, most, progress)
}
