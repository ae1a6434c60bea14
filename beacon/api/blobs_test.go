package api

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/types"
)

// Blobs are recovered from any half of the columns. With fewer there are none to be had, and wrong fields are told.
func TestBlobsAreRecovered(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to uint64
		status   int
	}{{64, 128, http.StatusOK}, {40, 104, http.StatusOK}, {0, 63, http.StatusNotFound}} {
		spec, err := simnet.Spec(params.Fulu)
		check(t, err)
		net, err := simnet.New(spec, 64, genesisTime)
		check(t, err)
		var custody []uint64
		for i := c.from; i < c.to; i++ {
			custody = append(custody, i)
		}
		w := newWorldKeeping(t, spec, net.GenesisState(), custody)
		var blobs []*kzg.Blob
		var commitments []types.KZGCommitment
		for i := range uint64(2) {
			blob, commitment, err := simnet.Blob(w.kzg, 1000*i)
			check(t, err)
			blobs, commitments = append(blobs, blob), append(commitments, commitment)
		}
		signed, _, err := net.BlockOf(net.Genesis(), 1, simnet.Content{Commitments: commitments})
		check(t, err)
		columns, err := net.Columns(w.kzg, signed, blobs...)
		check(t, err)
		w.at(1)
		check(t, w.chain.ImportColumns(context.Background(), columns[c.from:c.to]))
		_, err = w.chain.ImportBlock(context.Background(), signed, chain.Gossip)
		check(t, err)
		w.until("the columns are on the disk", func() bool {
			kept, err := w.store.ColumnIndices(w.chain.Snapshot().Head.Root)
			return err == nil && len(kept) == len(custody)
		})
		a := w.get("/eth/v1/beacon/blobs/head", "Accept: application/octet-stream").wants(c.status)
		if want := append(bytes.Clone(blobs[0][:]), blobs[1][:]...); c.status == http.StatusOK && !bytes.Equal(a.body, want) {
			t.Errorf("from columns %d to %d: other blobs", c.from, c.to)
		}
		if c.status == http.StatusNotFound {
			a.says("63 columns", "64 are needed")
		}
		w.refuses([]wrongInput{
			{path: "/eth/v1/beacon/blobs/head?versioned_hashes=0x12", status: 400, says: []string{"versioned_hashes", "0x12"}},
			{path: "/eth/v1/beacon/blobs/head?versioned_hashes=" + strings.Repeat("0,", maxQueryList+1), status: 414},
			{path: "/eth/v1/beacon/blobs/justified", status: 400},
			{path: "/eth/v1/debug/beacon/data_column_sidecars/head?indices=128", status: 400, says: []string{"indices", "128"}},
			{path: "/eth/v1/debug/beacon/data_column_sidecars/head?indices=a", status: 400},
			{path: "/eth/v1/debug/beacon/data_column_sidecars/7", status: 404},
		})
	}
}
