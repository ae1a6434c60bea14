package api

import (
	"errors"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// headerAnswer is a header with what the node thinks of it. Spec: getBlockHeader.
type headerAnswer struct {
	Root      string    `json:"root"`
	Canonical bool      `json:"canonical"`
	Header    ssz.Bound `json:"header"`
}

func (c *call) headerOf(ref *blockRef) (headerAnswer, error) {
	signed, cx, err := c.read(ref)
	if err != nil {
		return headerAnswer{}, err
	}
	message, err := signed.Message.Header(cx)
	if err != nil {
		return headerAnswer{}, err
	}
	header := &types.SignedBeaconBlockHeader{Message: message, Signature: signed.Signature}
	return headerAnswer{ref.Root.String(), ref.canonical, ssz.Bind(ssz.Context{}, header)}, nil
}

// header answers with the header of a block. Spec: getBlockHeader.
func (c *call) header() error {
	ref, err := c.blockRef()
	if err != nil {
		return err
	}
	answer, err := c.headerOf(ref)
	if err != nil {
		return err
	}
	return c.data(of(ref.flags), answer)
}

// headers answers with the headers of a slot, of the children of a block, or, if nothing is asked for, of the head's slot. Spec: getBlockHeaders.
func (c *call) headers() error {
	slot, bySlot, err := c.number("slot")
	if err != nil {
		return err
	}
	text, byParent, err := c.one("parent_root")
	if err != nil {
		return err
	}
	parent, ok := parseRoot(text)
	if byParent && !ok {
		return invalid("parent_root", text, "0x and 64 hex digits")
	}
	s := c.n.Chain.Snapshot()
	if !bySlot && !byParent {
		slot, bySlot = uint64(s.Head.Slot), true
	}
	var refs []*blockRef
	for b := range c.n.Chain.Blocks() {
		if (!bySlot || b.Slot == types.Slot(slot)) && (!byParent || b.ParentRoot == parent) {
			refs = append(refs, c.refOf(s, b))
		}
	}
	older, err := c.finalizedHeader(s, types.Slot(slot), bySlot, parent, byParent)
	if err != nil {
		return err
	}
	if older != nil {
		refs = append(refs, older)
	}
	all, answers := flags{finalized: len(refs) > 0}, []headerAnswer{}
	for _, ref := range refs {
		answer, err := c.headerOf(ref)
		if err != nil {
			return err
		}
		answers = append(answers, answer)
		all.optimistic, all.finalized = all.optimistic || ref.optimistic, all.finalized && ref.finalized
	}
	return c.data(of(all), answers)
}

// finalizedHeader finds the one block that is not in memory any more: of the finalized chain, of which a slot and a parent have at most one each.
func (c *call) finalizedHeader(s *chain.Snapshot, slot types.Slot, bySlot bool, parent types.Root, byParent bool) (*blockRef, error) {
	if !bySlot {
		// The child of a block on the finalized chain is the next one.
		at, err := c.n.Store.SlotOf(parent)
		if err != nil {
			return nil, missing(err)
		}
		for next, err := range c.n.Store.CanonicalRoots(at+1, s.FinalizedSlot) {
			if err != nil {
				return nil, err
			}
			slot = next.Slot
			break
		}
		if slot <= at {
			return nil, nil
		}
	}
	at, err := c.n.Chain.CanonicalAt(s, slot)
	if errors.Is(err, chain.ErrUnknownBlock) {
		return nil, nil
	}
	if err != nil || at.Slot != slot || c.n.Chain.Block(at.Root) != nil {
		return nil, err
	}
	ref := c.refOnDisk(s, at, true)
	if !byParent {
		return ref, nil
	}
	signed, _, err := c.read(ref)
	if err != nil || signed.Message.ParentRoot != parent {
		return nil, err
	}
	return ref, nil
}
