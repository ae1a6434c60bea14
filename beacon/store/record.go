package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/klauspost/compress/zstd"

	"github.com/cresset/cresset/beacon/store/kv"
)

// A record's value is its codec, the value under that codec, and the checksum of the key, the codec and the value:
//
//	codec     1 byte
//	length    varint, of the value when unpacked; packed records only
//	value
//	checksum  4 bytes, CRC-32C, little-endian
//
// The key is under the checksum so that a record is damaged where it does not belong.
const (
	codecPlain byte = 0
	codecZstd  byte = 1

	sumBytes = 4
)

// errChecksum says that the checksum of a record is not that of its key and value.
var errChecksum = errors.New("checksum differs")

// packer compresses and decompresses. It may be used by many goroutines.
type packer struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

func newPacker() (*packer, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false), zstd.WithWindowSize(chunkBytes))
	if err != nil {
		return nil, fmt.Errorf("make compressor: %w", err)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, fmt.Errorf("make decompressor: %w", err)
	}
	return &packer{enc, dec}, nil
}

func (p *packer) close() {
	p.dec.Close()
}

// checksum is over key and body.
func checksum(key, body []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Update(0, table, key), table, body)
}

// seal makes the record of a value under a key.
func seal(key, value []byte) []byte {
	out := make([]byte, 0, 1+len(value)+sumBytes)
	out = append(append(out, codecPlain), value...)
	return binary.LittleEndian.AppendUint32(out, checksum(key, out))
}

// pack is seal with the value compressed.
func (p *packer) pack(key, value []byte) []byte {
	out := make([]byte, 0, 1+binary.MaxVarintLen32+len(value)/2+sumBytes)
	out = binary.AppendUvarint(append(out, codecZstd), uint64(len(value)))
	out = p.enc.EncodeAll(value, out)
	return binary.LittleEndian.AppendUint32(out, checksum(key, out))
}

// open gives the value of a record of a key, at most limit bytes, in memory of its own. It takes any bytes.
func (p *packer) open(key, record []byte, limit int) ([]byte, error) {
	return p.openTo(nil, key, record, limit)
}

// openTo is open with the value appended to dst, whose capacity is used where it suffices.
func (p *packer) openTo(dst, key, record []byte, limit int) ([]byte, error) {
	if len(record) < 1+sumBytes {
		return nil, fmt.Errorf("%d bytes are fewer than the least of %d", len(record), 1+sumBytes)
	}
	body := record[:len(record)-sumBytes]
	if want, have := binary.LittleEndian.Uint32(record[len(body):]), checksum(key, body); want != have {
		return nil, fmt.Errorf("%w: %#08x in the record, %#08x of its bytes", errChecksum, want, have)
	}
	codec, value := body[0], body[1:]
	switch codec {
	case codecPlain:
		if len(value) > limit {
			return nil, fmt.Errorf("value of %d bytes, at most %d are allowed", len(value), limit)
		}
		return append(dst, value...), nil
	case codecZstd:
		size, n := binary.Uvarint(value)
		if n <= 0 || size > uint64(limit) {
			return nil, fmt.Errorf("value of %d bytes when unpacked, at most %d are allowed", size, limit)
		}
		before := len(dst)
		if cap(dst)-before < int(size) {
			dst = append(make([]byte, 0, before+int(size)), dst...)
		}
		out, err := p.dec.DecodeAll(value[n:], dst[:before:before+int(size)])
		if err != nil {
			return nil, fmt.Errorf("decompress: %w", err)
		}
		if len(out)-before != int(size) {
			return nil, fmt.Errorf("value has %d bytes when unpacked, its record says %d", len(out)-before, size)
		}
		return out, nil
	}
	return nil, fmt.Errorf("unknown codec %d", codec)
}

// get reads the value of a record. ErrNotFound means that there is none.
func (s *Store) get(k *kind, key []byte) (value []byte, err error) {
	err = s.db.View(key, func(record []byte) error {
		var failed error
		if value, failed = s.packer.open(key, record, k.limit); failed != nil {
			return &DamagedError{describe(key), failed}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return value, nil
}

// entry opens the record of an iteration.
func (s *Store) entry(k *kind, e kv.Entry) ([]byte, error) {
	if want, fixed := k.size(); len(e.Key) < want || fixed && len(e.Key) != want {
		return nil, &DamagedError{describe(e.Key), fmt.Errorf("its key has %d bytes, %d are right", len(e.Key), want)}
	}
	value, err := s.packer.open(e.Key, e.Value, k.limit)
	if err != nil {
		return nil, &DamagedError{describe(e.Key), err}
	}
	return value, nil
}
