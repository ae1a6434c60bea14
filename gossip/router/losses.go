package router

import (
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// losses counts the messages that gossipsub had no room for, before any queue of ours saw them: they are lost without a verdict. It hears of all else that gossipsub does,
// too, and does nothing.
type losses struct{ lost func(topic string) }

// RejectMessage implements pubsub.RawTracer.
func (l losses) RejectMessage(msg *pubsub.Message, reason string) {
	if reason == pubsub.RejectValidationQueueFull || reason == pubsub.RejectValidationThrottled {
		l.lost(msg.GetTopic())
	}
}

func (losses) OnNewOutboundStream(peer.ID, protocol.ID)             {}
func (losses) OnClosedOutboundStream(peer.ID)                       {}
func (losses) Join(string)                                          {}
func (losses) Leave(string)                                         {}
func (losses) Graft(peer.ID, string)                                {}
func (losses) Prune(peer.ID, string)                                {}
func (losses) ValidateMessage(*pubsub.Message)                      {}
func (losses) DeliverMessage(*pubsub.Message)                       {}
func (losses) DuplicateMessage(*pubsub.Message)                     {}
func (losses) ThrottlePeer(peer.ID)                                 {}
func (losses) RecvRPC(*pubsub.RPC)                                  {}
func (losses) SendRPC(*pubsub.RPC, peer.ID)                         {}
func (losses) SendRPCCompleted(*pubsub.RPC, peer.ID, time.Duration) {}
func (losses) DropRPC(*pubsub.RPC, peer.ID)                         {}
func (losses) UndeliverableMessage(*pubsub.Message)                 {}

var _ pubsub.RawTracer = losses{}
