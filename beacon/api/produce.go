package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/producer"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// infinity is the signature that stands for none. Spec: skip_randao_verification (params/index.yaml).
func infinity() types.BLSSignature { return types.BLSSignature{0: 0xc0} }

// productionRequest reads what a block is to be like.
func (c *call) productionRequest() (r producer.Request, err error) {
	text := c.r.PathValue("slot")
	slot, ok := parseNumber(text)
	if !ok {
		return r, invalid("slot", text, "a decimal number below 2**64")
	}
	r.Slot = types.Slot(slot)
	reveal, _, err := c.one("randao_reveal")
	if err != nil {
		return r, err
	}
	if !parseHex(reveal, r.RandaoReveal[:]) {
		return r, invalid("randao_reveal", reveal, "0x and 192 hex digits")
	}
	graffiti, given, err := c.one("graffiti")
	if err != nil {
		return r, err
	}
	if given && !parseHex(graffiti, r.Graffiti[:]) {
		return r, invalid("graffiti", graffiti, "0x and 64 hex digits")
	}
	skip, given, err := c.one("skip_randao_verification")
	if err != nil {
		return r, err
	}
	if given && skip != "" {
		return r, invalid("skip_randao_verification", skip, "no value")
	}
	if r.SkipRandao = given; given && r.RandaoReveal != infinity() {
		return r, invalid("randao_reveal", reveal, "the point at infinity, 0xc0 and zeros, with skip_randao_verification")
	}
	// There is no builder whose payload could be worth more. Spec: "If this parameter is provided and the beacon node is not configured with a builder
	// then the beacon node MUST respond with a full block".
	_, _, err = c.number("builder_boost_factor")
	return r, err
}

// produceBlock answers with a block that lacks nothing but its signature. Spec: produceBlockV3.
func (c *call) produceBlock() error {
	r, err := c.productionRequest()
	if err != nil {
		return err
	}
	if fork := c.s.cfg.Spec.ForkAtSlot(r.Slot); fork >= params.Gloas {
		return fail(http.StatusBadRequest, "Invalid slot: %d is of %v, want one before %v", r.Slot, fork, params.Gloas)
	}
	if now := c.n.Chain.Clock().CurrentSlot(); r.Slot > now+1 || r.Slot == params.GenesisSlot {
		return fail(http.StatusBadRequest, "Invalid slot: %d, blocks are made up to the next slot, %d", r.Slot, now+1)
	}
	if err := c.synced(); err != nil {
		return err
	}
	if c.n.Producer == nil {
		return busy(0, "The node makes no blocks")
	}
	if head := c.n.Chain.Snapshot().Head; r.Slot <= head.Slot {
		return fail(http.StatusBadRequest, "Invalid slot: %d, the head is of slot %d", r.Slot, head.Slot)
	}
	made, err := c.n.Producer.Produce(c.r.Context(), r)
	if err != nil {
		if c.r.Context().Err() != nil || errors.As(err, new(*Error)) {
			return err
		}
		return fail(http.StatusInternalServerError, "No block could be made for slot %d: %v", r.Slot, err)
	}
	return c.writeProduced(made)
}

// writeProduced answers with a block, and with its blobs where there may be some.
func (c *call) writeProduced(made *producer.Produced) error {
	payload, consensus := made.ExecutionValue.Big().String(), made.ConsensusValue.Big().String()
	header := c.w.Header()
	header.Set("Eth-Execution-Payload-Blinded", strconv.FormatBool(false))
	header.Set("Eth-Execution-Payload-Value", payload)
	header.Set("Eth-Consensus-Block-Value", consensus)
	node := ssz.Container(made.Block)
	if made.Fork >= params.Deneb {
		node = ssz.Container(&types.BlockContents{Block: *made.Block, KZGProofs: made.Proofs, Blobs: made.Blobs})
	}
	m, cx := withFork(made.Fork), c.context(made.Fork)
	if c.media == mediaSSZ {
		return c.octets(m, func(out *ssz.Stream) error { return out.SSZ(cx, node) })
	}
	out := c.open(m)
	err := out.Text(fmt.Sprintf(`{"version":%q,"execution_payload_blinded":false,"execution_payload_value":%q,"consensus_block_value":%q,"data":`, made.Fork, payload, consensus))
	if err != nil {
		return err
	}
	if err := out.JSON(cx, node); err != nil {
		return err
	}
	if err := out.Text("}"); err != nil {
		return err
	}
	return out.Flush()
}
