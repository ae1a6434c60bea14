package reqresp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"sync"

	"github.com/golang/snappy"

	"github.com/cresset/cresset/beacon/params"
)

// The framing format of snappy. A frame is a type, the length of what follows (3 bytes, little-endian) and that. Frames of data begin
// with a masked CRC-32C of the uncompressed data. Source: framing_format.txt of google/snappy.
const (
	frameCompressed   = 0x00
	frameUncompressed = 0x01
	frameSkippable    = 0x80 // and all above but the identifier; 0xfe is padding
	frameIdentifier   = 0xff

	identifier = "sNaPpY"
	headBytes  = 4
	sumBytes   = 4
	frameData  = 65536 // the most uncompressed bytes of a frame
)

// frameBody is the most bytes of a frame of data: checksum and the longest compression of frameData.
var frameBody = sumBytes + snappy.MaxEncodedLen(frameData)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func maskedSum(data []byte) uint32 {
	c := crc32.Checksum(data, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

// appendFrames appends the frames of a payload; nothing for an empty one.
func appendFrames(dst, src []byte) []byte {
	if len(src) == 0 {
		return dst
	}
	dst = appendHead(dst, frameIdentifier, len(identifier))
	dst = append(dst, identifier...)
	for data := range slices.Chunk(src, frameData) {
		at := len(dst)
		dst = slices.Grow(dst, headBytes+sumBytes+snappy.MaxEncodedLen(len(data)))
		body := dst[at+headBytes+sumBytes : cap(dst)]
		kind, n := byte(frameCompressed), len(snappy.Encode(body, data))
		// What compression saves less than an eighth of is not worth unpacking.
		if n >= len(data)-len(data)/8 {
			kind, n = frameUncompressed, copy(body, data)
		}
		dst = appendHead(dst, kind, sumBytes+n)
		dst = binary.LittleEndian.AppendUint32(dst, maskedSum(data))
		dst = dst[:at+headBytes+sumBytes+n]
	}
	return dst
}

func appendHead(dst []byte, kind byte, n int) []byte {
	return append(dst, kind, byte(n), byte(n>>8), byte(n>>16))
}

// buffers are kept for frames and for chunks on their way out; one that has become larger than this is not kept.
const bufferKept = 1 << 20

var buffers = sync.Pool{New: func() any { return new([]byte) }}

func getBuffer() *[]byte { return buffers.Get().(*[]byte) }

func putBuffer(b *[]byte) {
	if cap(*b) <= bufferKept {
		*b = (*b)[:0]
		buffers.Put(b)
	}
}

// frameReader reads the frames of one payload.
type frameReader struct {
	r    io.Reader
	left uint64 // compressed bytes that may still be read
	most uint64 // of them at the beginning
	out  []byte
	n    uint64 // bytes that out shall have
	body []byte
}

// readFrames reads the frames of a payload of n bytes, and not one byte more.
//
// Spec: "A reader MUST NOT read more than max_compressed_len(n) bytes after reading the SSZ length-prefix n from the header."
func readFrames(r io.Reader, n uint64) ([]byte, error) {
	if n == 0 {
		return []byte{}, nil
	}
	buffer := getBuffer()
	defer putBuffer(buffer)
	*buffer = slices.Grow(*buffer, frameBody)
	most := params.MaxCompressedLen(n)
	f := &frameReader{r: r, left: most, most: most, n: n, body: (*buffer)[:frameBody]}
	if err := f.first(); err != nil {
		return nil, err
	}
	for uint64(len(f.out)) < n {
		if err := f.frame(); err != nil {
			return nil, err
		}
	}
	return f.out, nil
}

// head reads the head of a frame.
func (f *frameReader) head() (kind byte, n int, err error) {
	if f.left < headBytes {
		return 0, 0, broken("compressed bytes of a payload <= max_compressed_len", "more", f.most)
	}
	b := f.body[:headBytes]
	if err := readFull(f.r, b, "head of a frame"); err != nil {
		return 0, 0, err
	}
	n = int(b[1]) | int(b[2])<<8 | int(b[3])<<16
	f.left -= headBytes
	if uint64(n) > f.left {
		return 0, 0, broken("compressed bytes of a payload <= max_compressed_len", f.most-f.left+uint64(n), f.most)
	}
	f.left -= uint64(n)
	return b[0], n, nil
}

// first reads the identifier that frames begin with.
func (f *frameReader) first() error {
	kind, n, err := f.head()
	if err != nil {
		return err
	}
	if kind != frameIdentifier {
		return broken("type of the first frame", kind, frameIdentifier)
	}
	return f.identifier(n)
}

func (f *frameReader) identifier(n int) error {
	if n != len(identifier) {
		return broken("length of the stream identifier", n, len(identifier))
	}
	if err := readFull(f.r, f.body[:n], "stream identifier"); err != nil {
		return err
	}
	if have := string(f.body[:n]); have != identifier {
		return broken("stream identifier", fmt.Sprintf("%q", have), identifier)
	}
	return nil
}

// frame reads a frame.
func (f *frameReader) frame() error {
	kind, n, err := f.head()
	switch {
	case err != nil:
		return err
	case kind == frameCompressed || kind == frameUncompressed:
		return f.data(kind, n)
	case kind == frameIdentifier:
		return f.identifier(n)
	case kind < frameSkippable:
		return broken("type of a frame is known or may be skipped", kind, fmt.Sprintf(">= %#x", frameSkippable))
	}
	for n > 0 {
		step := min(n, len(f.body))
		if err := readFull(f.r, f.body[:step], "frame to skip"); err != nil {
			return err
		}
		n -= step
	}
	return nil
}

// data reads a frame of data.
func (f *frameReader) data(kind byte, n int) error {
	if n < sumBytes || n > frameBody {
		return broken("length of a frame of data", n, fmt.Sprintf("%d to %d", sumBytes, frameBody))
	}
	body := f.body[:n]
	if err := readFull(f.r, body, "frame of data"); err != nil {
		return err
	}
	want, data := binary.LittleEndian.Uint32(body), body[sumBytes:]
	size := len(data)
	if kind == frameCompressed {
		var err error
		if size, err = snappy.DecodedLen(data); err != nil {
			return broken("compressed data begins with its length", err, "a varint")
		}
	}
	if size > frameData {
		return broken("uncompressed bytes of a frame", size, frameData)
	}
	if rest := f.n - uint64(len(f.out)); uint64(size) > rest {
		return broken("bytes of the payload as declared", uint64(len(f.out))+uint64(size), f.n)
	}
	to := f.room(size)
	if kind == frameUncompressed {
		copy(to, data)
	} else if _, err := snappy.Decode(to, data); err != nil {
		return broken("compressed data", err, "valid")
	}
	if have := maskedSum(to); have != want {
		return broken("CRC-32C of a frame", fmt.Sprintf("%#08x", want), fmt.Sprintf("%#08x", have))
	}
	return nil
}

// room makes room for so many bytes more. The memory that is taken grows with what has arrived, up to what was declared.
func (f *frameReader) room(size int) []byte {
	have := len(f.out)
	if need := have + size; need > cap(f.out) {
		grown := make([]byte, have, min(f.n, uint64(max(2*cap(f.out), need))))
		copy(grown, f.out)
		f.out = grown
	}
	f.out = f.out[:have+size]
	return f.out[have:]
}

// readFull fills b. What ends before is against the rules, not an end.
func readFull(r io.Reader, b []byte, what string) error {
	n, err := io.ReadFull(r, b)
	if err == nil {
		return nil
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return broken("bytes of the "+what, n, len(b))
	}
	return fmt.Errorf("read %s: %w", what, err)
}
