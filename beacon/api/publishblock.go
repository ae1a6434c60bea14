package api

import (
	"errors"
	"net/http"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip"
	"github.com/cresset/cresset/gossip/router"
)

// broadcastLevel is how much of a block is to be checked before it is sent. Spec: BroadcastValidation.
func (c *call) broadcastLevel() (router.Level, error) {
	text, given, err := c.one("broadcast_validation")
	if err != nil {
		return 0, err
	}
	levels := map[string]router.Level{
		"gossip": router.GossipLevel, "consensus": router.ConsensusLevel, "consensus_and_equivocation": router.EquivocationLevel,
	}
	level, known := levels[text]
	if given && !known {
		return 0, invalid("broadcast_validation", text, "gossip, consensus or consensus_and_equivocation")
	}
	return level, nil
}

// publishBlock sends a block with its blobs and imports it. Spec: publishBlockV2.
func (c *call) publishBlock() error {
	fork, err := c.consensusVersion()
	if err != nil {
		return err
	}
	level, err := c.broadcastLevel()
	if err != nil {
		return err
	}
	publisher, err := c.publisher()
	if err != nil {
		return err
	}
	// Turns are few, as bodies are large. They do not wait behind other heavy requests.
	leave, err := c.s.blocks.enter(c.r.Context())
	if err != nil {
		return err
	}
	defer leave()
	proposal, err := c.proposal(fork)
	if err != nil {
		return err
	}
	proposal.Level = level
	if err := c.synced(); err != nil {
		return err
	}
	return c.published(publisher.SubmitBlock(c.r.Context(), proposal))
}

// published answers what became of a block.
func (c *call) published(err error) error {
	var notImported *router.NotImportedError
	var d gossip.Decision
	switch {
	case err == nil:
		return c.done()
	case errors.As(err, &notImported):
		c.s.log.Warn("a block was published that could not be imported; look for its reason if a validator of yours made it", "error", notImported.Err)
		c.readAll()
		c.w.WriteHeader(http.StatusAccepted)
		c.started = true
		return nil
	case errors.As(err, &d) && d.Verdict == gossip.Defer: // the same block may be good in a moment
		return busy(1, "Block not published: %s", reason(err))
	case errors.Is(err, chain.ErrStateBusy), errors.Is(err, chain.ErrStopped), errors.Is(err, router.ErrNotRunning): // says nothing of the block
		return err
	}
	return fail(http.StatusBadRequest, "Block not published: %v", err)
}

// proposal reads a block, with its blobs where its fork has some.
func (c *call) proposal(fork params.Fork) (router.Proposal, error) {
	if fork < params.Deneb || fork >= params.Gloas {
		signed := new(types.SignedBeaconBlock)
		if err := c.decode(fork, ssz.Container(signed)); err != nil {
			return router.Proposal{}, err
		}
		return router.Proposal{Block: signed}, c.checkBlockFork(signed, fork)
	}
	contents := new(types.SignedBlockContents)
	if err := c.decode(fork, ssz.Container(contents)); err != nil {
		return router.Proposal{}, err
	}
	signed := &contents.SignedBlock
	proposal := router.Proposal{Block: signed}
	if err := c.checkBlockFork(signed, fork); err != nil {
		return proposal, err
	}
	perBlob := 1
	if fork >= params.Fulu {
		perBlob = int(c.s.cfg.Spec.CellsPerExtBlob)
	}
	switch commitments := len(signed.Message.Body.BlobKZGCommitments); {
	case len(contents.KZGProofs) != perBlob*len(contents.Blobs):
		return proposal, fail(http.StatusBadRequest, "Invalid block: %d proofs of %d blobs, want %d", len(contents.KZGProofs), len(contents.Blobs), perBlob*len(contents.Blobs))
	case len(contents.Blobs) != commitments:
		return proposal, fail(http.StatusBadRequest, "Invalid block: %d blobs with a block that commits to %d", len(contents.Blobs), commitments)
	case commitments > 0 && c.n.Sidecars == nil:
		return proposal, busy(0, "The node has nobody who makes columns of blobs")
	case commitments > 0:
		proposal.Data = func() (router.Data, error) { return c.n.Sidecars(signed, contents.Blobs, contents.KZGProofs) }
	}
	return proposal, nil
}

// checkBlockFork refuses a block that is not of the fork that it says it is of: it would have been decoded wrongly.
func (c *call) checkBlockFork(signed *types.SignedBeaconBlock, fork params.Fork) error {
	if want := c.s.cfg.Spec.ForkAtSlot(signed.Message.Slot); want != fork {
		return fail(http.StatusBadRequest, "Invalid Eth-Consensus-Version: %v, slot %d is of %v", fork, signed.Message.Slot, want)
	}
	return nil
}
