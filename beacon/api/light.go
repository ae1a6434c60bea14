package api

import (
	"encoding/binary"
	"net/http"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/server"
)

// lightItem answers with something for light clients, in the form of the fork of its slot.
func (c *call) lightItem(item server.LightItem, o ssz.Object) error {
	fork := c.s.cfg.Spec.ForkAtSlot(item.Slot)
	if c.media == mediaSSZ {
		return c.octets(withFork(fork), func(out *ssz.Stream) error {
			return out.Append(func(dst []byte) ([]byte, error) { return append(dst, item.SSZ...), nil })
		})
	}
	cx := c.context(fork)
	if err := ssz.Unmarshal(cx, item.SSZ, ssz.Container(o)); err != nil {
		return err
	}
	return c.value(withFork(fork), cx, ssz.Container(o))
}

// lightBootstrap answers with the bootstrap of a block. Spec: getLightClientBootstrap.
func (c *call) lightBootstrap() error {
	text := c.r.PathValue("block_root")
	root, ok := parseRoot(text)
	if !ok {
		return invalid("block root", text, "0x and 64 hex digits")
	}
	if c.n.Light != nil {
		if item, ok := c.n.Light.Bootstrap(c.r.Context(), root); ok {
			return c.lightItem(item, new(types.LightClientBootstrap))
		}
	}
	return notFound("LC bootstrap unavailable: of block %v", root)
}

// lightFinalityUpdate answers with the newest one. Spec: getLightClientFinalityUpdate.
func (c *call) lightFinalityUpdate() error {
	if c.n.Light != nil {
		if item, ok := c.n.Light.FinalityUpdate(); ok {
			return c.lightItem(item, new(types.LightClientFinalityUpdate))
		}
	}
	return notFound("LC finality update unavailable")
}

// lightOptimisticUpdate answers with the newest one. Spec: getLightClientOptimisticUpdate.
func (c *call) lightOptimisticUpdate() error {
	if c.n.Light != nil {
		if item, ok := c.n.Light.OptimisticUpdate(); ok {
			return c.lightItem(item, new(types.LightClientOptimisticUpdate))
		}
	}
	return notFound("LC optimistic update unavailable")
}

// required gives the number in a field of the query that must be there.
func (c *call) required(field string) (uint64, error) {
	n, given, err := c.number(field)
	if err == nil && !given {
		err = fail(http.StatusBadRequest, "Missing `%s` value", field)
	}
	return n, err
}

// lightUpdates answers with the best updates of periods. Spec: getLightClientUpdatesByRange.
func (c *call) lightUpdates() error {
	start, err := c.required("start_period")
	if err != nil {
		return err
	}
	count, err := c.required("count")
	if err != nil {
		return err
	}
	// Spec: "The response MUST NOT contain more than min(MAX_REQUEST_LIGHT_CLIENT_UPDATES, count) results."
	count = min(count, params.MaxRequestLightClientUpdates)
	if count == 0 {
		return invalid("count", "0", "at least 1")
	}
	if start+count < start {
		return fail(http.StatusBadRequest, "Invalid start_period: %d with count %d is beyond 2**64", start, count)
	}
	var items []server.LightItem
	if c.n.Light != nil {
		items = c.n.Light.Updates(start, count)
	}
	if c.media == mediaSSZ {
		return c.updateChunks(items)
	}
	c.start()
	out := ssz.NewStream(c)
	separator := byte('[')
	for _, item := range items {
		fork := c.s.cfg.Spec.ForkAtSlot(item.Slot)
		update, cx := new(types.LightClientUpdate), c.context(fork)
		if err := ssz.Unmarshal(cx, item.SSZ, ssz.Container(update)); err != nil {
			return err
		}
		err := out.Append(func(dst []byte) ([]byte, error) {
			dst = withFork(fork).prefix(append(dst, separator))
			dst, err := ssz.Container(update).AppendJSON(cx, dst)
			return append(dst, '}'), err
		})
		if err != nil {
			return err
		}
		separator = ','
	}
	if err := closeList(out, separator); err != nil {
		return err
	}
	return out.Flush()
}

// updateChunks answers with updates as a sequence of chunks, each with its length and the digest of its fork.
func (c *call) updateChunks(items []server.LightItem) error {
	_, validators, err := c.n.Store.Genesis()
	if err != nil {
		return err
	}
	spec := c.s.cfg.Spec
	return c.octets(meta{}, func(out *ssz.Stream) error {
		for _, item := range items {
			digest := spec.ComputeForkDigest(validators, types.ComputeEpochAtSlot(spec, item.Slot))
			err := out.Append(func(dst []byte) ([]byte, error) {
				dst = binary.LittleEndian.AppendUint64(dst, uint64(len(digest)+len(item.SSZ)))
				return append(append(dst, digest[:]...), item.SSZ...), nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}
