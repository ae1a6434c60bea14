package p2p

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/ethereum/go-ethereum/p2p/enode"
	"github.com/ethereum/go-ethereum/p2p/enr"

	"github.com/cresset/cresset/beacon/das"
	"github.com/cresset/cresset/beacon/p2p/peers"
	"github.com/cresset/cresset/beacon/params"
)

// The keys of a record that are Ethereum's consensus layer's own. Source: p2p-interface.md, "ENR structure" (phase0; altair, fulu).
const (
	keyEth2       = "eth2"
	keyAttnets    = "attnets"
	keySyncnets   = "syncnets"
	keyCustody    = "cgc"
	keyNextDigest = "nfd"
)

// Record is what a node record says, as far as it is of use. Who wrote it may lie; what it says has the right form.
type Record struct {
	PeerID string
	NodeID [32]byte
	Seq    uint64
	ENR    string

	// Fork is nil in records that have no eth2 entry, as those of execution clients.
	Fork              *ENRForkID
	NextForkDigest    params.ForkDigest // zero where it is not said
	Attnets, Syncnets []byte            // nil where they are not said
	// CustodyGroupCount is at least CUSTODY_REQUIREMENT and at most NUMBER_OF_CUSTODY_GROUPS, whatever the record says.
	CustodyGroupCount uint64

	// The addresses of libp2p.
	TCP, QUIC []netip.AddrPort
}

// ParseRecord reads an ENR in its textual form. All its errors are ErrRecord.
func ParseRecord(spec *params.Spec, text string) (*Record, error) {
	node, err := enode.Parse(enode.ValidSchemes, clipRecord(text))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	return readRecord(spec, node)
}

// clipRecord bounds what is parsed: an ENR has at most 300 bytes, which are 400 characters.
func clipRecord(text string) string { return text[:min(len(text), 2*enr.SizeLimit)] }

// readRecord reads a record whose signature was checked.
func readRecord(spec *params.Spec, node *enode.Node) (*Record, error) {
	key := node.Pubkey()
	if key == nil {
		return nil, fmt.Errorf("%w: no secp256k1 key", ErrRecord)
	}
	id, err := peerOf(key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	r := &Record{PeerID: id.String(), NodeID: node.ID(), Seq: node.Seq(), ENR: node.String()}
	var eth2, digest []byte
	for _, field := range []struct {
		key   string
		into  *[]byte
		bytes int
	}{
		{keyEth2, &eth2, forkIDBytes},
		{keyNextDigest, &digest, len(params.ForkDigest{})},
		{keyAttnets, &r.Attnets, bitfieldBytes(spec.AttestationSubnetCount)},
		{keySyncnets, &r.Syncnets, bitfieldBytes(params.SyncCommitteeSubnetCount)},
	} {
		if err := loadBytes(node, field.key, field.bytes, field.into); err != nil {
			return nil, err
		}
	}
	if eth2 != nil {
		fork, err := DecodeForkID(eth2)
		if err != nil {
			return nil, err
		}
		r.Fork = &fork
	}
	copy(r.NextForkDigest[:], digest)
	if err := load(node, keyCustody, &r.CustodyGroupCount); err != nil {
		return nil, err
	}
	r.CustodyGroupCount = clampCustody(spec, r.CustodyGroupCount)
	return r, r.readAddresses(node)
}

// clampCustody brings a peer's custody group count to where it makes sense: every node keeps CUSTODY_REQUIREMENT groups.
func clampCustody(spec *params.Spec, count uint64) uint64 {
	return min(max(count, spec.CustodyRequirement), spec.NumberOfCustodyGroups)
}

// load reads an entry that may be missing.
func load[T any](node *enode.Node, key string, into *T) error {
	if err := node.Load(enr.WithEntry(key, into)); err != nil && !enr.IsNotFound(err) {
		return fmt.Errorf("%w: %s: %w", ErrRecord, key, err)
	}
	return nil
}

// loadBytes reads an entry of a fixed length that may be missing.
func loadBytes(node *enode.Node, key string, length int, into *[]byte) error {
	if err := load(node, key, into); err != nil {
		return err
	}
	if *into != nil && len(*into) != length {
		return fmt.Errorf("%w: %s of %d bytes, want %d", ErrRecord, key, len(*into), length)
	}
	return nil
}

func (r *Record) readAddresses(node *enode.Node) error {
	var ip4 enr.IPv4Addr
	var ip6 enr.IPv6Addr
	var tcp, tcp6, quic, quic6 uint16
	if err := errors.Join(load(node, ip4.ENRKey(), &ip4), load(node, ip6.ENRKey(), &ip6), load(node, "tcp", &tcp), load(node, "tcp6", &tcp6),
		load(node, "quic", &quic), load(node, "quic6", &quic6)); err != nil {
		return err
	}
	if tcp6 == 0 {
		tcp6 = tcp // EIP-778: without tcp6 the port of tcp is meant for both.
	}
	for _, a := range []struct {
		ip        netip.Addr
		tcp, quic uint16
	}{{netip.Addr(ip4), tcp, quic}, {netip.Addr(ip6), tcp6, quic6}} {
		if !a.ip.IsValid() || a.ip.IsUnspecified() || a.ip.IsMulticast() || a.ip.Is4In6() {
			continue
		}
		if a.tcp != 0 {
			r.TCP = append(r.TCP, netip.AddrPortFrom(a.ip, a.tcp))
		}
		if a.quic != 0 {
			r.QUIC = append(r.QUIC, netip.AddrPortFrom(a.ip, a.quic))
		}
	}
	return nil
}

// Offers is what the record says that the node has.
func (r *Record) Offers(spec *params.Spec) peers.Offers {
	return peers.Offers{Attnets: r.Attnets, Syncnets: r.Syncnets, Columns: custodyColumns(spec, r.NodeID, r.CustodyGroupCount)}
}

// custodyColumns is the columns that a node has to keep.
//
// Spec: get_custody_groups, compute_columns_for_custody_group (fulu).
func custodyColumns(spec *params.Spec, id [32]byte, count uint64) (columns peers.Bits) {
	groups, err := das.GetCustodyGroups(spec, id, clampCustody(spec, count))
	if err != nil {
		return nil // It fails on counts only that the clamp leaves none of.
	}
	for _, g := range groups {
		list, err := das.ComputeColumnsForCustodyGroup(spec, g)
		if err != nil {
			return nil
		}
		for _, c := range list {
			columns = columns.Set(c)
		}
	}
	return columns
}

// Contact is how to dial the node: QUIC first.
//
// Spec: "clients SHOULD prioritise peer's QUIC addresses" (phase0).
func (r *Record) Contact(spec *params.Spec) peers.Contact {
	c := peers.Contact{ID: r.PeerID, ENR: r.ENR, Offers: r.Offers(spec)}
	for _, list := range []struct {
		transport string
		addrs     []netip.AddrPort
	}{{"udp", r.QUIC}, {"tcp", r.TCP}} {
		for _, a := range list.addrs {
			c.Addrs = append(c.Addrs, multiaddr(a.Addr(), list.transport, a.Port()))
			c.IPs = append(c.IPs, a.Addr())
		}
	}
	return c
}

// errOtherChain is what records of nodes elsewhere are refused with.
var errOtherChain = errors.New("on another chain")

// compatible decides whether a node is on our chain, and whether it expects another next fork than we do.
//
// Spec: "Clients SHOULD connect to peers with fork_digest, next_fork_version, and next_fork_epoch that match local values"; "Clients MAY
// connect to peers with the same fork_digest but a different next_fork_version/next_fork_epoch" (phase0); "nodes MUST evaluate nfd
// alongside their existing consideration of the ENRForkID::next_* fields", "If there is a mismatch, the node MUST NOT disconnect before the
// fork boundary" (fulu). A record whose next digest is our present one is of a node that has not yet announced the fork that began.
func compatible(own Local, r *Record) (diverges bool, err error) {
	if r.Fork == nil {
		return false, fmt.Errorf("%w: no eth2 entry", errOtherChain)
	}
	if r.Fork.ForkDigest == own.Fork.ForkDigest {
		return *r.Fork != own.Fork || r.NextForkDigest != own.NextForkDigest, nil
	}
	if r.NextForkDigest == own.Fork.ForkDigest && r.NextForkDigest != (params.ForkDigest{}) {
		return true, nil
	}
	return false, fmt.Errorf("%w: fork digest %v, ours is %v", errOtherChain, r.Fork.ForkDigest, own.Fork.ForkDigest)
}
