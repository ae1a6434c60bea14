package chain

import (
	"context"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

const (
	// feedDepth is how many payloads before the head are tried: what an execution client loses that was killed.
	feedDepth = 256
	// feedPause is how many heads in a row the execution client has to be syncing for before payloads are given to it, and after
	// how many it is tried again.
	feedPause = 2
)

// feeder gives an execution client that lost its last blocks the payloads it lacks. Such a client answers SYNCING and, where it has
// no peers to ask, would do so for ever. It belongs to the notifier's goroutine.
type feeder struct {
	chain   *Chain
	waiting int
}

func (f *feeder) reset() { f.waiting = 0 }

// feed looks back from the head for a payload that the execution client can verify, in steps that double, and hands in those after
// it in order. If there is none among the last ones the client is syncing on its own, and is left to that.
func (f *feeder) feed(ctx context.Context, head types.Root) {
	if f.waiting++; f.waiting%feedPause != 0 {
		return
	}
	c := f.chain
	var chain []*Block // from the head backwards, those with a payload
	for b := c.index.get(head); b != nil && len(chain) < feedDepth; b = b.Parent() {
		if b.ExecutionBlockHash == (types.Hash32{}) {
			break
		}
		if len(chain) > 0 && c.spec.gloasAt(b.Slot) && chain[len(chain)-1].ExecutionParentHash != b.ExecutionBlockHash {
			continue // built on without its payload
		}
		chain = append(chain, b)
	}
	for back := 1; back < len(chain); back = min(2*back, len(chain)-1) {
		status, err := f.hand(ctx, chain[back])
		if err != nil {
			return
		}
		if status == forkchoice.Valid {
			c.log.Info("the execution client lacks payloads, they are handed in again", "from slot", chain[back].Slot, "payloads", back)
			for k := back - 1; k >= 0; k-- {
				if status, err = f.hand(ctx, chain[k]); err != nil || status != forkchoice.Valid {
					return
				}
			}
			c.notifier.signal()
			return
		}
		if back == len(chain)-1 {
			return
		}
	}
}

// hand gives the execution client the payload of an imported block.
func (f *feeder) hand(ctx context.Context, b *Block) (forkchoice.Execution, error) {
	request, fork, err := f.request(b)
	if err != nil {
		return 0, err
	}
	call, cancel := context.WithTimeout(ctx, notifyTimeout)
	defer cancel()
	status, err := f.chain.engine.NewPayload(call, fork, request)
	if err != nil {
		return 0, err
	}
	return executionOf(status.Status), nil
}

func (f *feeder) request(b *Block) (*transition.NewPayloadRequest, params.Fork, error) {
	c := f.chain
	cx := c.contextAt(b.Slot)
	signed, err := c.readBlock(b.Root)
	if err != nil {
		return nil, 0, err
	}
	if cx.Fork < params.Gloas {
		return transition.GetNewPayloadRequest(cx, &signed.Message), cx.Fork, nil
	}
	envelope, err := c.store.Payload(b.Root)
	if err != nil {
		return nil, 0, err
	}
	return transition.EnvelopeRequest(&envelope.Message, signed.Message.Body.SignedExecutionPayloadBid.Message.BlobKZGCommitments), cx.Fork, nil
}
