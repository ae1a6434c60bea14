package reqresp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// maxErrorMessage is the limit of ErrorMessage. Spec: ErrorMessage (phase0).
const maxErrorMessage = 256

// Chunk is a successful response chunk.
type Chunk struct {
	// Cx is the schema of the chunk: that of its context, or of the protocol's version.
	Cx ssz.Context
	// Digest is the context, zero where the protocol has none.
	Digest types.ForkDigest
	// SSZ is the encoding. It belongs to the receiver.
	SSZ []byte
}

// Decode decodes the chunk.
func (c *Chunk) Decode(node ssz.Node) error {
	if err := ssz.Unmarshal(c.Cx, c.SSZ, node); err != nil {
		return broken("chunk is the encoding of its type", err, c.Cx.Fork)
	}
	return nil
}

// appendPayload appends the header and the frames of an encoding.
func appendPayload(dst, encoded []byte) []byte {
	return appendFrames(binary.AppendUvarint(dst, uint64(len(encoded))), encoded)
}

// readLength reads the header of a payload and checks it.
//
// Spec: "The length-prefix is within the expected size bounds derived from the payload SSZ type or MAX_PAYLOAD_SIZE".
func readLength(r io.Reader, b bounds) (uint64, error) {
	n, err := readUvarint(r)
	if err != nil {
		return 0, err
	}
	if n < b.least || n > b.most {
		return 0, broken("length of a payload", n, fmt.Sprintf("%d to %d", b.least, b.most))
	}
	return n, nil
}

// readUvarint reads a varint byte by byte. Spec: "MUST not exceed 10 bytes in length".
func readUvarint(r io.Reader) (n uint64, err error) {
	var b [1]byte
	for i := 0; ; i++ {
		if err := readFull(r, b[:], "length of a payload"); err != nil {
			return 0, err
		}
		digit := uint64(b[0] & 0x7f)
		if i == binary.MaxVarintLen64-1 && b[0] > 1 {
			return 0, broken("length of a payload fits 64 bits", "a longer number", uint64(math.MaxUint64))
		}
		n |= digit << (7 * i)
		if b[0] < 0x80 {
			return n, nil
		}
	}
}

// readPayload reads header and frames.
func readPayload(r io.Reader, b bounds) ([]byte, error) {
	n, err := readLength(r, b)
	if err != nil {
		return nil, err
	}
	return readFrames(r, n)
}

// appendRequest appends the encoding of a request; nothing for one without content.
func (t *Table) appendRequest(dst []byte, p *Protocol, m Message) ([]byte, error) {
	if p.request == nil {
		if m != nil {
			return dst, fmt.Errorf("request of %v has no content, have %T", p, m)
		}
		return dst, nil
	}
	if m == nil {
		return dst, fmt.Errorf("request of %v has content, have none", p)
	}
	cx := ssz.Context{Spec: t.spec, Fork: p.Since}
	encoded, err := ssz.Marshal(cx, m.Node(cx))
	if err != nil {
		return dst, fmt.Errorf("request of %v: %w", p, err)
	}
	return appendPayload(dst, encoded), nil
}

// readRequest reads a request up to the end of the stream. It is nil for a protocol without content.
//
// Spec: "it should read exactly N bytes from the stream, at which point an EOF should arise (no more bytes)".
func (t *Table) readRequest(r io.Reader, p *Protocol) (Message, error) {
	if p.request == nil {
		return nil, expectEOF(r)
	}
	encoded, err := readPayload(r, p.asked)
	if err != nil {
		return nil, err
	}
	if err := expectEOF(r); err != nil {
		return nil, err
	}
	cx, m := ssz.Context{Spec: t.spec, Fork: p.Since}, p.request()
	if err := ssz.Unmarshal(cx, encoded, m.Node(cx)); err != nil {
		return nil, broken("request is the encoding of its type", err, p)
	}
	return m, nil
}

// expectEOF checks that the stream ends.
func expectEOF(r io.Reader) error {
	var b [1]byte
	n, err := io.ReadFull(r, b[:])
	switch {
	case n > 0:
		return broken("bytes after the request", "more", 0)
	case errors.Is(err, io.EOF):
		return nil
	}
	return fmt.Errorf("read end of the request: %w", err)
}

// appendChunk appends a successful chunk. The encoding is taken as it is.
func appendChunk(dst []byte, p *Protocol, digest types.ForkDigest, encoded []byte) []byte {
	dst = append(dst, byte(Success))
	if p.Context {
		dst = append(dst, digest[:]...)
	}
	return appendPayload(dst, encoded)
}

// appendError appends a chunk with an error. Spec: "On a non-zero <result> with ErrorMessage payload, the <context-bytes> is also
// empty." (altair)
func appendError(dst []byte, e *ResponseError) []byte {
	message := e.Message
	if len(message) > maxErrorMessage {
		message = message[:maxErrorMessage]
	}
	return appendPayload(append(dst, byte(e.Code)), []byte(message))
}

// readCode reads the result of the next chunk. It gives io.EOF, alone, where the response ends.
func readCode(r io.Reader) (Code, error) {
	var b [1]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		if errors.Is(err, io.EOF) {
			return 0, io.EOF
		}
		return 0, fmt.Errorf("read result: %w", err)
	}
	return Code(b[0]), nil
}

// readChunk reads the rest of a chunk with a result. An error that the peer answered with is a *ResponseError.
func (t *Table) readChunk(r io.Reader, p *Protocol, d *Digests, code Code) (Chunk, error) {
	if code != Success {
		// A message that cannot be read leaves an error without one: "the error payload MAY be read before stopping".
		message, err := readPayload(r, bounds{0, maxErrorMessage})
		if err != nil {
			message = nil
		}
		return Chunk{}, &ResponseError{code, string(message)}
	}
	c := Chunk{Cx: ssz.Context{Spec: t.spec, Fork: p.Since}}
	if p.Context {
		if err := readFull(r, c.Digest[:], "context"); err != nil {
			return Chunk{}, err
		}
		fork, err := d.fork(c.Digest)
		if err != nil {
			return Chunk{}, err
		}
		if fork < p.From {
			return Chunk{}, broken(fmt.Sprintf("fork of a chunk of %v", p), fork, fmt.Sprintf("%v or later", p.From))
		}
		c.Cx.Fork = fork
	}
	var err error
	c.SSZ, err = readPayload(r, p.boundsOf(c.Cx.Fork))
	return c, err
}

// boundsOf is the bounds of a chunk of a fork, which the table knows.
func (p *Protocol) boundsOf(fork params.Fork) bounds { return p.chunks[fork] }
