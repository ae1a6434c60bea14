package p2p

import (
	"crypto/ecdsa"
	"errors"
	"fmt"
	"math/big"

	gethcrypto "github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/p2p/enode"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

// ErrPeerID is what errors.Is finds in the errors about names that are no peer's.
var ErrPeerID = errors.New("not a peer id")

// longestPeerID bounds the names that are looked at; the longest id, of a secp256k1 key, has 53 characters.
const longestPeerID = 128

// ParsePeer is the libp2p id of a peer's name.
func ParsePeer(name string) (peer.ID, error) {
	if len(name) > longestPeerID {
		return "", fmt.Errorf("%w: %d characters", ErrPeerID, len(name))
	}
	id, err := peer.Decode(name)
	if err != nil {
		return "", fmt.Errorf("%w: %q: %w", ErrPeerID, name, err)
	}
	return id, nil
}

// NodeID is the discovery node id of a peer: what its custody follows from. It fails for peers whose key is not secp256k1, which no client
// has.
func NodeID(name string) ([32]byte, error) {
	id, err := ParsePeer(name)
	if err != nil {
		return [32]byte{}, err
	}
	key, err := publicKey(id)
	if err != nil {
		return [32]byte{}, err
	}
	return enode.PubkeyToIDV4(key), nil
}

// publicKey is the key that is in a peer's id.
func publicKey(id peer.ID) (*ecdsa.PublicKey, error) {
	key, err := id.ExtractPublicKey()
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrPeerID, id, err)
	}
	if key.Type() != crypto.Secp256k1 {
		return nil, fmt.Errorf("%w: the key of %s is %v and not secp256k1", ErrPeerID, id, key.Type())
	}
	raw, err := key.Raw()
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrPeerID, id, err)
	}
	return gethcrypto.DecompressPubkey(raw)
}

// peerOf is the libp2p id of a discovery node's key.
func peerOf(key *ecdsa.PublicKey) (peer.ID, error) {
	public, err := crypto.UnmarshalSecp256k1PublicKey(gethcrypto.CompressPubkey(key))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrPeerID, err)
	}
	return peer.IDFromPublicKey(public)
}

// discoveryKey is the node's key in the form that discovery has it in.
func discoveryKey(key crypto.PrivKey) (*ecdsa.PrivateKey, error) {
	raw, err := key.Raw()
	if err != nil {
		return nil, err
	}
	return gethcrypto.ToECDSA(raw)
}

// validScalar tells whether a number is a private key: neither zero nor beyond the order of the curve.
func validScalar(raw []byte) bool {
	n := new(big.Int).SetBytes(raw)
	return n.Sign() > 0 && n.Cmp(gethcrypto.S256().Params().N) < 0
}
