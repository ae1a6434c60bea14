package ssz

import "fmt"

// Marshal gives the SSZ encoding of a value.
func Marshal(cx Context, n Node) ([]byte, error) {
	size, _ := n.Size(cx)
	out, err := n.Encode(cx, make([]byte, 0, size))
	if err != nil {
		return nil, fmt.Errorf("encode: %w", named(n, err))
	}
	return out, nil
}

// Unmarshal reads a value from exactly src. After an error the value is unusable.
func Unmarshal(cx Context, src []byte, n Node) error {
	if err := n.Decode(cx, src); err != nil {
		return fmt.Errorf("decode: %w", named(n, err))
	}
	return nil
}

// Size is the number of bytes of a value's encoding.
func Size(cx Context, n Node) int {
	size, _ := n.Size(cx)
	return size
}

// named puts the container's type in front of an error.
func named(n Node, err error) error {
	if c, ok := n.(containerNode); ok {
		return at(c.name(), err)
	}
	return err
}
