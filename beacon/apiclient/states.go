package apiclient

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/cresset/cresset/beacon/params"
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
	Epoch *number `json:"epoch"`
	Root  *root   `json:"root"`
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
	for _, p := range []*checkpoint{data.Previous, data.Current, data.Finalized} {
		if p == nil || p.Epoch == nil || p.Root == nil {
			return Finality{}, fmt.Errorf("finality checkpoints of %s: one, or a part of one, is missing", state)
		}
	}
	of := func(p *checkpoint) types.Checkpoint {
		return types.Checkpoint{Epoch: types.Epoch(*p.Epoch), Root: types.Root(*p.Root)}
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

// CommitteeLengths gives how many validators each committee of a slot has, by a state that knows its epoch. Spec: getEpochCommittees.
func (c *Client) CommitteeLengths(ctx context.Context, spec *params.Spec, state string, slot types.Slot) ([]uint64, error) {
	type entry struct {
		Index      *number  `json:"index"`
		Slot       *number  `json:"slot"`
		Validators []number `json:"validators"`
	}
	const member = 24 // bytes, more than an index has
	q := query{
		method: http.MethodGet, path: "/eth/v1/beacon/states/" + state + "/committees",
		values: url.Values{"epoch": {decimal(types.ComputeEpochAtSlot(spec, slot))}, "slot": {decimal(slot)}},
		most:   listBase + int64(spec.MaxCommitteesPerSlot)*int64(listEntry+spec.MaxValidatorsPerCommittee*member),
	}
	committees, _, err := askList[entry](ctx, c, q, int(spec.MaxCommitteesPerSlot))
	if err != nil {
		return nil, err
	}
	lengths := make([]uint64, len(committees))
	for _, x := range committees {
		if x.Index == nil || x.Slot == nil || types.Slot(*x.Slot) != slot || uint64(*x.Index) >= uint64(len(lengths)) ||
			lengths[*x.Index] != 0 || len(x.Validators) == 0 || uint64(len(x.Validators)) > spec.MaxValidatorsPerCommittee {
			return nil, fmt.Errorf("%s: the committees of slot %d are not complete, or too large", q.path, slot)
		}
		lengths[*x.Index] = uint64(len(x.Validators))
	}
	return lengths, nil
}
