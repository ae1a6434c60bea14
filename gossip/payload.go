package gossip

import (
	"errors"
	"fmt"

	"github.com/golang/snappy"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
)

// ErrPayload is what errors.Is finds in the errors about data that is no message of its topic. Such messages are to be rejected.
//
// Spec: "Clients MUST reject (fail validation) messages containing an incorrect type, or invalid payload" (phase0).
var ErrPayload = errors.New("invalid payload")

// MaxMessageSize is the largest frame of messages between two nodes, in bytes. Spec: max_message_size (phase0).
func MaxMessageSize(spec *params.Spec) uint64 {
	return max(params.MaxCompressedLen(spec.MaxPayloadSize)+1024, 1024*1024)
}

// maxSnappyRatio is more than what a snappy block can make of a byte: the best is 64 bytes of 3.
const maxSnappyRatio = 22

// decompress gives the content of a snappy block. Both lengths are checked before memory is taken.
func decompress(data []byte, b Bounds) ([]byte, error) {
	if most := params.MaxCompressedLen(b.Max); uint64(len(data)) > most {
		return nil, fmt.Errorf("%w: %d compressed bytes, at most %d", ErrPayload, len(data), most)
	}
	declared, err := snappy.DecodedLen(data)
	if err != nil {
		return nil, fmt.Errorf("%w: length of %d compressed bytes: %w", ErrPayload, len(data), err)
	}
	if n := uint64(declared); n < b.Min || n > b.Max {
		return nil, fmt.Errorf("%w: %d bytes, want %d to %d", ErrPayload, n, b.Min, b.Max)
	}
	if declared > maxSnappyRatio*len(data) {
		return nil, fmt.Errorf("%w: %d compressed bytes cannot hold %d", ErrPayload, len(data), declared)
	}
	plain, err := snappy.Decode(nil, data)
	if err != nil {
		return nil, fmt.Errorf("%w: decompress %d bytes: %w", ErrPayload, len(data), err)
	}
	return plain, nil
}

// Decode reads a message as it came on a topic. The container is the one that Kind.New makes for the topic's fork. All errors are
// ErrPayload.
func (n *Network) Decode(t Topic, data []byte) (ssz.Object, error) {
	if !t.Kind.In(t.Fork) {
		return nil, fmt.Errorf("%w: %v does not exist in %v", ErrPayload, t.Kind, t.Fork)
	}
	plain, err := decompress(data, n.bounds[t.Kind][t.Fork])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.Name(), err)
	}
	object := t.Kind.New(t.Fork)
	if err := n.unmarshal(t.Fork, plain, object); err != nil {
		return nil, fmt.Errorf("%s: %w", t.Name(), err)
	}
	return object, nil
}

// unmarshal reads a container. All its errors are ErrPayload.
func (n *Network) unmarshal(fork params.Fork, plain []byte, object ssz.Object) error {
	if err := ssz.Unmarshal(ssz.Context{Spec: n.spec, Fork: fork}, plain, ssz.Container(object)); err != nil {
		return fmt.Errorf("%w: %w", ErrPayload, err)
	}
	return nil
}

func payloadError(format string, values ...any) error {
	return fmt.Errorf("%w: %s", ErrPayload, fmt.Sprintf(format, values...))
}

// Encode gives a message as it is sent on a topic. It fails on a value that the topic's type does not allow.
func (n *Network) Encode(t Topic, object ssz.Object) ([]byte, error) {
	plain, err := ssz.Marshal(ssz.Context{Spec: n.spec, Fork: t.Fork}, ssz.Container(object))
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", t.Name(), err)
	}
	if b := n.bounds[t.Kind][t.Fork]; uint64(len(plain)) > b.Max {
		return nil, fmt.Errorf("encode %s: %w: %d bytes, at most %d", t.Name(), ErrPayload, len(plain), b.Max)
	}
	return snappy.Encode(nil, plain), nil
}
