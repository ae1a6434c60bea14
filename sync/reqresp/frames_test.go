package reqresp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand"
	"strings"
	"testing"

	"github.com/golang/snappy"

	"github.com/cresset/cresset/beacon/params"
)

// samples are payloads that compress well, not at all, and to the edges of frames.
func samples() [][]byte {
	random := make([]byte, 3*frameData+17)
	rand.New(rand.NewSource(1)).Read(random)
	return [][]byte{{7}, random[:1000], random[:frameData], random[:frameData+1], random, make([]byte, 5*frameData), bytes.Repeat([]byte("slot"), 50_000)}
}

// otherFrames is what the library's own writer makes of a payload.
func otherFrames(t testing.TB, data []byte) []byte {
	var b bytes.Buffer
	w := snappy.NewBufferedWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFramesAreReadByOthersAndOthersAreRead(t *testing.T) {
	for _, data := range samples() {
		frames := appendFrames(nil, data)
		if got, err := io.ReadAll(snappy.NewReader(bytes.NewReader(frames))); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes: the other reader has %d bytes: %v", len(data), len(got), err)
		}
		for name, frames := range map[string][]byte{"own": frames, "other": otherFrames(t, data)} {
			got, err := readFrames(bytes.NewReader(frames), uint64(len(data)))
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes of %s frames: have %d bytes: %v", len(data), name, len(got), err)
			}
		}
		if most := params.MaxCompressedLen(uint64(len(data))); uint64(len(frames)) > most {
			t.Errorf("%d bytes make %d bytes of frames, at most %d are allowed", len(data), len(frames), most)
		}
	}
}

// frame makes a frame.
func frame(kind byte, body ...byte) []byte { return append(appendHead(nil, kind, len(body)), body...) }

func dataFrame(kind byte, sum uint32, body []byte) []byte {
	return frame(kind, append(binary.LittleEndian.AppendUint32(nil, sum), body...)...)
}

func TestHostileFrames(t *testing.T) {
	first := frame(frameIdentifier, []byte(identifier)...)
	data := []byte("0123456789")
	plain := dataFrame(frameUncompressed, maskedSum(data), data)
	packed := dataFrame(frameCompressed, maskedSum(data), snappy.Encode(nil, data))
	large := make([]byte, frameData+1)
	for _, c := range []struct {
		name   string
		frames [][]byte
		n      uint64
		broken string // rule; "" for valid
	}{
		{"plain", [][]byte{first, plain}, 10, ""},
		{"packed", [][]byte{first, packed}, 10, ""},
		{"frame to be skipped", [][]byte{first, frame(0x80, 1, 2, 3), plain}, 10, ""},
		{"padding", [][]byte{first, frame(0xfe, 0), plain}, 10, ""},
		{"a second identifier", [][]byte{first, first, plain}, 10, ""},
		{"no identifier", [][]byte{plain}, 10, "type of the first frame"},
		{"another identifier", [][]byte{frame(frameIdentifier, []byte("sNaPpy")...), plain}, 10, "stream identifier"},
		{"a long identifier", [][]byte{frame(frameIdentifier, []byte("sNaPpY!")...), plain}, 10, "length of the stream identifier"},
		{"a reserved frame", [][]byte{first, frame(0x02), plain}, 10, "type of a frame"},
		{"a wrong checksum", [][]byte{first, dataFrame(frameUncompressed, maskedSum(data)+1, data)}, 10, "CRC-32C"},
		{"a checksum that is not masked", [][]byte{first, dataFrame(frameUncompressed, 0x280c069e, data)}, 10, "CRC-32C"},
		{"too much data", [][]byte{first, plain}, 9, "bytes of the payload as declared"},
		{"too little data", [][]byte{first, plain}, 11, "bytes of the head of a frame"},
		{"a frame that ends early", [][]byte{first, plain[:12]}, 10, "bytes of the frame of data"},
		{"a frame without checksum", [][]byte{first, frame(frameUncompressed, 1, 2, 3)}, 10, "length of a frame of data"},
		{"nonsense as compressed data", [][]byte{first, dataFrame(frameCompressed, 0, []byte{10, 0xff, 0xff})}, 10, "compressed data"},
		{"compressed data without length", [][]byte{first, dataFrame(frameCompressed, 0, []byte{0xff})}, 10, "compressed data begins"},
		{"a frame of more than 65536 bytes", [][]byte{first, dataFrame(frameUncompressed, maskedSum(large), large)}, uint64(len(large)), "uncompressed bytes of a frame"},
		{"a bomb", [][]byte{first, dataFrame(frameCompressed, 0, []byte{0xff, 0xff, 0xff, 0xff, 0x0f})}, 10, "uncompressed bytes of a frame"},
		{"padding without end", [][]byte{first, frame(0xfe, make([]byte, 40)...), plain}, 10, "max_compressed_len"},
		{"empty frames without end", [][]byte{first, bytes.Repeat(dataFrame(frameUncompressed, maskedSum(nil), nil), 10)}, 10, "max_compressed_len"},
	} {
		all := bytes.Join(c.frames, nil)
		r := &countingReader{r: bytes.NewReader(all)}
		got, err := readFrames(r, c.n)
		if c.broken == "" {
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s: %q, %v", c.name, got, err)
			}
			continue
		}
		rule, ok := errors.AsType[*RuleError](err)
		if !ok || !strings.Contains(rule.Rule, c.broken) {
			t.Errorf("%s: error %v, want the rule %q", c.name, err, c.broken)
		}
		if most := params.MaxCompressedLen(c.n); r.n > most {
			t.Errorf("%s: %d bytes were read, at most %d may be", c.name, r.n, most)
		}
	}
}

type countingReader struct {
	r io.Reader
	n uint64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += uint64(n)
	return n, err
}

// Spec: "A reader MUST NOT read more than max_compressed_len(n) bytes": what follows the payload is left alone.
func TestNoByteAfterThePayloadIsRead(t *testing.T) {
	for _, data := range samples() {
		frames := appendFrames(nil, data)
		r := bytes.NewReader(append(bytes.Clone(frames), "next chunk"...))
		if _, err := readFrames(r, uint64(len(data))); err != nil {
			t.Fatal(err)
		}
		if rest, _ := io.ReadAll(r); string(rest) != "next chunk" {
			t.Errorf("%d bytes: what is left is %q", len(data), rest)
		}
	}
}

// A length is a claim: the memory that it takes grows with what has arrived.
func TestMemoryGrowsWithWhatArrived(t *testing.T) {
	f := &frameReader{n: 10 << 20}
	for arrived := 0; arrived < 10<<20; {
		step := min(frameData, 10<<20-arrived)
		f.room(step)
		arrived += step
		if have := cap(f.out); have > max(2*arrived, frameData) || have > 10<<20 {
			t.Fatalf("%d bytes have arrived, %d are taken", arrived, have)
		}
	}
}

func FuzzFrames(f *testing.F) {
	for _, data := range samples() {
		if frames := appendFrames(nil, data); len(frames) < 20_000 {
			f.Add(frames, uint32(len(data)))
			f.Add(otherFrames(f, data), uint32(len(data)))
		}
	}
	f.Fuzz(func(t *testing.T, frames []byte, n uint32) {
		r := &countingReader{r: bytes.NewReader(frames)}
		got, err := readFrames(r, uint64(n))
		if r.n > params.MaxCompressedLen(uint64(n)) {
			t.Errorf("%d bytes were read of a payload of %d", r.n, n)
		}
		if err != nil {
			return
		}
		if uint64(len(got)) != uint64(n) {
			t.Fatalf("%d bytes, want %d", len(got), n)
		}
		if n == 0 {
			return
		}
		// What is accepted the other reader reads the same.
		other, err := io.ReadAll(io.LimitReader(snappy.NewReader(bytes.NewReader(frames)), int64(n)))
		if err != nil || !bytes.Equal(other, got) {
			t.Errorf("the other reader has %d bytes: %v", len(other), err)
		}
	})
}
