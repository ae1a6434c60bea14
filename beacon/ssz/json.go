package ssz

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// MarshalJSON gives the Beacon API's JSON of a value.
func MarshalJSON(cx Context, n Node) ([]byte, error) {
	out, err := n.AppendJSON(cx, nil)
	if err != nil {
		return nil, fmt.Errorf("encode JSON: %w", named(n, err))
	}
	return out, nil
}

// UnmarshalJSON reads a value from exactly one JSON text. Unknown keys are passed over; missing ones are an error.
func UnmarshalJSON(cx Context, src []byte, n Node) error {
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.UseNumber()
	if err := n.DecodeJSON(cx, dec); err != nil {
		return fmt.Errorf("decode JSON: %w", named(n, err))
	}
	if t, err := dec.Token(); err != io.EOF {
		if err != nil {
			return fmt.Errorf("decode JSON: %w", named(n, fmt.Errorf("%w: after the value: %w", ErrJSON, err)))
		}
		return fmt.Errorf("decode JSON: %w", named(n, fmt.Errorf("%w: %s after the value", ErrJSON, describe(t))))
	}
	return nil
}

func stringToken(dec *json.Decoder) (string, error) {
	t, err := dec.Token()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrJSON, err)
	}
	s, ok := t.(string)
	if !ok {
		return "", fmt.Errorf("%w: want a string, have %s", ErrJSON, describe(t))
	}
	if s == "" {
		return "", fmt.Errorf("%w: empty string", ErrJSON)
	}
	return s, nil
}

func hexToken(dec *json.Decoder) ([]byte, error) {
	s, err := stringToken(dec)
	if err != nil {
		return nil, err
	}
	digits, ok := strings.CutPrefix(s, "0x")
	if !ok {
		return nil, fmt.Errorf("%w: %q has no 0x in front", ErrJSON, clip(s))
	}
	b, err := hex.DecodeString(digits)
	if err != nil {
		return nil, fmt.Errorf("%w: %q: %w", ErrJSON, clip(s), err)
	}
	return b, nil
}

func delim(dec *json.Decoder, want json.Delim) error {
	t, err := dec.Token()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrJSON, err)
	}
	if t != want {
		return fmt.Errorf("%w: want %q, have %s", ErrJSON, want.String(), describe(t))
	}
	return nil
}

func skipValue(dec *json.Decoder) error {
	var raw json.RawMessage
	if err := dec.Decode(&raw); err != nil {
		return fmt.Errorf("%w: %w", ErrJSON, err)
	}
	return nil
}

func describe(t json.Token) string {
	switch v := t.(type) {
	case nil:
		return "null"
	case string:
		return fmt.Sprintf("the string %q", clip(v))
	default:
		return fmt.Sprintf("%v", v)
	}
}

// clip shortens hostile text for an error message.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "..."
	}
	return s
}
