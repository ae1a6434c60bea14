package server

import (
	"context"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/cresset/cresset/sync/reqresp"
)

// Streams is the host whose streams are answered. A *p2p.Host is one.
type Streams interface {
	Handle(protocol string, answer func(peer string, s network.Stream))
	Unhandle(protocol string)
}

// Offer has a host answer the protocols that are spoken in an epoch. It belongs to one goroutine.
type Offer struct {
	host    Streams
	server  *reqresp.Server
	serving map[string]bool // by id
}

// NewOffer offers nothing yet.
func NewOffer(host Streams, server *reqresp.Server) *Offer {
	return &Offer{host, server, map[string]bool{}}
}

// Update offers the protocols of the moment, and no others. It is called once an epoch; the context ends all streams.
func (o *Offer) Update(ctx context.Context) {
	now := map[string]bool{}
	for _, row := range o.server.Offered() {
		now[row.ID] = true
		if !o.serving[row.ID] {
			o.host.Handle(row.ID, func(peer string, s network.Stream) { o.server.Serve(ctx, peer, row.ID, s) })
		}
	}
	for id := range o.serving {
		if !now[id] {
			o.host.Unhandle(id)
		}
	}
	o.serving = now
}
