package forkchoice

import (
	"encoding/binary"
	"fmt"

	"github.com/cresset/cresset/beacon/types"
)

// codec writes a value or reads it: one body says how a value lies in memory. After the first error it does nothing.
type codec struct {
	buf     []byte // what is written, or what is left to read
	reading bool
	err     error
}

// take reads n bytes; nil when there are fewer.
func (c *codec) take(n int) []byte {
	if c.err != nil {
		return nil
	}
	if len(c.buf) < n {
		c.err = fmt.Errorf("%d bytes left, want %d", len(c.buf), n)
		return nil
	}
	out := c.buf[:n]
	c.buf = c.buf[n:]
	return out
}

func (c *codec) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf(format, args...)
	}
}

func (c *codec) bytes(p []byte) {
	if !c.reading {
		c.buf = append(c.buf, p...)
		return
	}
	copy(p, c.take(len(p)))
}

func number[T ~uint64](c *codec, p *T) {
	if !c.reading {
		c.buf = binary.LittleEndian.AppendUint64(c.buf, uint64(*p))
		return
	}
	if b := c.take(8); b != nil {
		*p = T(binary.LittleEndian.Uint64(b))
	}
}

func (c *codec) short(p *uint32) {
	if !c.reading {
		c.buf = binary.LittleEndian.AppendUint32(c.buf, *p)
		return
	}
	if b := c.take(4); b != nil {
		*p = binary.LittleEndian.Uint32(b)
	}
}

// enum is a byte that is below a limit.
func enum[T ~uint8](c *codec, p *T, limit T) {
	b := [1]byte{byte(*p)}
	c.bytes(b[:])
	if c.reading {
		if *p = T(b[0]); *p >= limit {
			c.fail("value is %d, want below %d", b[0], limit)
		}
	}
}

func (c *codec) flag(p *bool) {
	var b uint8
	if *p {
		b = 1
	}
	enum(c, &b, 2)
	*p = b == 1
}

func (c *codec) checkpoint(p *types.Checkpoint) {
	number(c, &p.Epoch)
	c.bytes(p.Root[:])
}

// count is the length of a list whose elements take at least size bytes each, so that what is read fits what is there.
func (c *codec) count(n, size int) int {
	length := uint32(n)
	c.short(&length)
	if c.reading && c.err == nil && uint64(length)*uint64(size) > uint64(len(c.buf)) {
		c.fail("%d elements of %d bytes, %d bytes left", length, size, len(c.buf))
	}
	if c.err != nil {
		return 0
	}
	return int(length)
}
