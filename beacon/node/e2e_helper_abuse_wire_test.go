//go:build e2e

package node

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"google.golang.org/protobuf/proto"

	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/reqresp"
)

// mesh is the protocol of gossip that a wirePeer speaks.
const mesh = "/meshsub/1.2.0"

// wirePeer is a peer that writes what it likes on its streams. It belongs to one goroutine.
type wirePeer struct {
	host     host.Host
	node     peer.ID
	gossip   network.Stream
	received *atomic.Uint64 // bytes of gossip that the node sent it
}

// writeTime bounds how long a peer waits for the node to take something.
const writeTime = 2 * time.Second

// dialWire connects a new peer, with a name of its own, to the node. Answer answers the requests of the node.
func dialWire(ctx context.Context, node peer.AddrInfo, protocols []string, answer func(id string, s network.Stream), received *atomic.Uint64) (*wirePeer, error) {
	key, _, err := crypto.GenerateSecp256k1Key(rand.Reader)
	if err != nil {
		return nil, err
	}
	h, err := libp2p.New(libp2p.Identity(key), libp2p.NoListenAddrs, libp2p.Transport(tcp.NewTCPTransport), libp2p.Security(noise.ID, noise.New),
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport), libp2p.ResourceManager(&network.NullResourceManager{}), libp2p.DisableRelay(),
		libp2p.DisableMetrics(), libp2p.Ping(false), libp2p.UserAgent("wire"))
	if err != nil {
		return nil, err
	}
	p := &wirePeer{host: h, node: node.ID, received: received}
	for _, id := range protocols {
		h.SetStreamHandler(protocol.ID(id), func(s network.Stream) { answer(id, s) })
	}
	h.SetStreamHandler(mesh, func(s network.Stream) {
		var buf [4096]byte
		for {
			n, err := s.Read(buf[:])
			received.Add(uint64(n))
			if err != nil {
				return
			}
		}
	})
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := h.Connect(ctx, node); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *wirePeer) close() { _ = p.host.Close() }

// connected tells whether the node has not left it.
func (p *wirePeer) connected() bool {
	return p.host.Network().Connectedness(p.node) == network.Connected
}

// open opens a stream.
func (p *wirePeer) open(id string) (network.Stream, error) {
	ctx, cancel := context.WithTimeout(network.WithNoDial(context.Background(), "the node has left"), writeTime)
	defer cancel()
	s, err := p.host.NewStream(ctx, p.node, protocol.ID(id))
	if err != nil {
		return nil, err
	}
	return s, s.SetDeadline(time.Now().Add(writeTime))
}

// write writes on the stream of gossip, which is opened again if the node has reset it.
func (p *wirePeer) write(data []byte) error {
	if p.gossip == nil {
		s, err := p.open(mesh)
		if err != nil {
			return err
		}
		p.gossip = s
	}
	_ = p.gossip.SetWriteDeadline(time.Now().Add(writeTime))
	if _, err := p.gossip.Write(data); err != nil {
		_ = p.gossip.Reset()
		p.gossip = nil
		return err
	}
	return nil
}

// frame writes a frame of gossip.
func (p *wirePeer) frame(rpc *pb.RPC) error {
	data, err := proto.Marshal(rpc)
	if err != nil {
		return err
	}
	return p.write(append(binary.AppendUvarint(nil, uint64(len(data))), data...))
}

// publish sends a message.
func (p *wirePeer) publish(topic string, data []byte) error {
	return p.frame(&pb.RPC{Publish: []*pb.Message{{Topic: &topic, Data: data}}})
}

// politeAnswers answers what a node asks as an honest peer does. Status is what it says of itself, nil for what the node says.
func politeAnswers(spec *params.Spec, digests *reqresp.Digests, c *clock.Clock, status func(types.Status) types.Status) *reqresp.Server {
	return reqresp.NewServer(reqresp.ServerConfig{Table: reqresp.NewTable(spec), Digests: digests, Clock: c, Handlers: map[reqresp.Method]reqresp.Handler{
		reqresp.StatusV2: reqresp.On(func(ctx context.Context, call *reqresp.Call, r *reqresp.Status) error {
			own := r.Status // where the node stands
			if status != nil {
				own = status(own)
			}
			return call.Send(ctx, 0, ssz.Container(&own))
		}),
		reqresp.MetaDataV3: func(ctx context.Context, call *reqresp.Call) error {
			own := types.MetaData{SeqNumber: 1, CustodyGroupCount: spec.NumberOfCustodyGroups, Attnets: ssz.NewBitvector(spec.AttestationSubnetCount), Syncnets: make([]byte, 1)}
			return call.Send(ctx, 0, ssz.Container(&own))
		},
		reqresp.PingV1:    reqresp.On(politeNumber),
		reqresp.GoodbyeV1: reqresp.On(politeNumber),
	}})
}

func politeNumber(ctx context.Context, call *reqresp.Call, _ *reqresp.Uint64) error {
	one := uint64(1)
	return call.Send(ctx, 0, ssz.Uint(&one))
}

// counters reads the node's metrics.
func (n *node) counters() map[string]float64 {
	r := httptest.NewRecorder()
	n.metrics.Handler().ServeHTTP(r, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	out := map[string]float64{}
	for line := range strings.SplitSeq(r.Body.String(), "\n") {
		name, value, ok := strings.Cut(line, "} ")
		if name += "}"; !ok {
			if name, value, ok = strings.Cut(line, " "); !ok {
				continue
			}
		}
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			out[name] = v
		}
	}
	return out
}
