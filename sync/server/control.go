package server

import (
	"context"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/sync/reqresp"
)

func (s *server) status(ctx context.Context, call *reqresp.Call, request *reqresp.Status) error {
	s.Peers.OnStatus(call.Peer, request.Status)
	own := s.Peers.Status()
	if call.Protocol.Since < params.Fulu {
		own.EarliestAvailableSlot = 0
	}
	return call.Send(ctx, 0, ssz.Container(&own))
}

// goodbye answers with the same reason: the specification wants an answer and does not say which.
func (s *server) goodbye(ctx context.Context, call *reqresp.Call, request *reqresp.Uint64) error {
	s.Peers.OnGoodbye(call.Peer, request.Value)
	return call.Send(ctx, 0, ssz.Uint(&request.Value))
}

func (s *server) ping(ctx context.Context, call *reqresp.Call, request *reqresp.Uint64) error {
	s.Peers.OnPing(call.Peer, request.Value)
	seq := s.Peers.MetaData().SeqNumber
	return call.Send(ctx, 0, ssz.Uint(&seq))
}

func (s *server) metadata(ctx context.Context, call *reqresp.Call) error {
	own := s.Peers.MetaData()
	if call.Protocol.Since < params.Altair {
		own.Syncnets = nil
	}
	if call.Protocol.Since < params.Fulu {
		own.CustodyGroupCount = 0
	}
	return call.Send(ctx, 0, ssz.Container(&own))
}
