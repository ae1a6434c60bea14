package ssz

import (
	"fmt"
	"io"
)

// pieceSize is how many bytes a Stream collects before it writes them.
const pieceSize = 64 << 10

// Long is a node whose value may be too long to be held as one encoding or text. It writes itself piece by piece.
type Long interface {
	Node
	StreamSSZ(cx Context, out *Stream) error
	StreamJSON(cx Context, out *Stream) error
}

// Stream hands what is appended to a writer, in pieces of some 64 KiB.
type Stream struct {
	w   io.Writer
	buf []byte
}

// NewStream makes a stream. Flush writes the last piece.
func NewStream(w io.Writer) *Stream { return &Stream{w: w} }

// Append has a function append to the piece that is being collected. A piece should not be much longer than what is collected anyway.
func (s *Stream) Append(f func(dst []byte) ([]byte, error)) (err error) {
	if s.buf == nil {
		s.buf = make([]byte, 0, pieceSize+pieceSize/4)
	}
	if s.buf, err = f(s.buf); err != nil {
		return err
	}
	if len(s.buf) < pieceSize {
		return nil
	}
	return s.Flush()
}

// Text appends text.
func (s *Stream) Text(text string) error {
	return s.Append(func(dst []byte) ([]byte, error) { return append(dst, text...), nil })
}

// Flush writes what was collected.
func (s *Stream) Flush() error {
	if len(s.buf) == 0 {
		return nil
	}
	_, err := s.w.Write(s.buf)
	if s.buf = s.buf[:0]; cap(s.buf) > 4*pieceSize { // one long value is not kept for the rest of the stream
		s.buf = nil
	}
	return err
}

// SSZ appends the encoding of a value.
func (s *Stream) SSZ(cx Context, n Node) error {
	if long, ok := n.(Long); ok {
		return long.StreamSSZ(cx, s)
	}
	return s.Append(func(dst []byte) ([]byte, error) { return n.Encode(cx, dst) })
}

// JSON appends the Beacon API's JSON of a value.
func (s *Stream) JSON(cx Context, n Node) error {
	if long, ok := n.(Long); ok {
		return long.StreamJSON(cx, s)
	}
	return s.Append(func(dst []byte) ([]byte, error) { return n.AppendJSON(cx, dst) })
}

// WriteSSZ writes the encoding of a value, as Marshal gives it, without ever holding all of it.
func WriteSSZ(cx Context, n Node, w io.Writer) error {
	s := NewStream(w)
	if err := s.SSZ(cx, n); err != nil {
		return fmt.Errorf("encode: %w", named(n, err))
	}
	return s.Flush()
}

// WriteJSON writes the JSON of a value, as MarshalJSON gives it, without ever holding all of it.
func WriteJSON(cx Context, n Node, w io.Writer) error {
	s := NewStream(w)
	if err := s.JSON(cx, n); err != nil {
		return fmt.Errorf("encode JSON: %w", named(n, err))
	}
	return s.Flush()
}

// StreamSSZ implements Long: the fixed part, then the fields of variable size one after the other.
func (c containerNode) StreamSSZ(cx Context, out *Stream) error {
	d := define(cx, c.o)
	defer d.release()
	if err := d.absentIsZero(); err != nil {
		return err
	}
	offset, variable := d.measure()
	err := d.present(func(f *Field) error {
		if f.fixed {
			return out.SSZ(cx, f.Node)
		}
		at := offset
		offset += f.size
		return out.Append(func(dst []byte) ([]byte, error) { return appendOffset(dst, at) })
	})
	if err != nil || !variable {
		return err
	}
	return d.present(func(f *Field) error {
		if f.fixed {
			return nil
		}
		return out.SSZ(cx, f.Node)
	})
}

// StreamJSON implements Long.
func (c containerNode) StreamJSON(cx Context, out *Stream) error {
	d := define(cx, c.o)
	defer d.release()
	if err := d.absentIsZero(); err != nil {
		return err
	}
	separator := "{\""
	err := d.present(func(f *Field) error {
		if err := out.Text(separator + f.Name + "\":"); err != nil {
			return err
		}
		separator = ",\""
		return out.JSON(cx, f.Node)
	})
	if err != nil {
		return err
	}
	return out.Text("}")
}

var _ Long = containerNode{}
